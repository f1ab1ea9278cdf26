// Runs a seccomp program as the kernel would: the instructions that libseccomp and src/seccomp use, on one
// `struct seccomp_data`. Anything else is an error, as it would be to the kernel's checker.

import type { Instruction } from "../../../src/seccomp/bpf.ts";

export interface SystemCall {
  readonly number: number;
  /** AUDIT_ARCH_* */
  readonly architecture: number;
}

/** What the program returns for a system call. */
export function runFilter(program: readonly Instruction[], { number, architecture }: SystemCall): number {
  const data: Readonly<Record<number, number>> = { 0: number, 4: architecture };
  let accumulator = 0;
  let counter = 0;
  for (;;) {
    const instruction = program[counter];
    if (instruction === undefined) throw new Error(`instruction ${counter} is outside the program`);
    const { code, jumpTrue, jumpFalse, operand } = instruction;
    if (jumpTrue > 255 || jumpFalse > 255) throw new Error(`a jump of instruction ${counter} is too far`);
    counter += 1;
    switch (code) {
      case 0x20: {
        const word = data[operand];
        if (word === undefined) throw new Error(`there is nothing to load at ${operand}`);
        accumulator = word;
        break;
      }
      case 0x05:
        counter += operand;
        break;
      case 0x15:
        counter += accumulator === operand ? jumpTrue : jumpFalse;
        break;
      case 0x25:
        counter += accumulator > operand ? jumpTrue : jumpFalse;
        break;
      case 0x45:
        counter += (accumulator & operand) !== 0 ? jumpTrue : jumpFalse;
        break;
      case 0x06:
        return operand;
      default:
        throw new Error(`instruction code ${code} is unknown`);
    }
  }
}
