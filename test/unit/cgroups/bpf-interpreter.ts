// Runs a cgroup device program as the kernel would: the few instructions that src/cgroups/devices/program.ts
// uses, on a context of type and access, major and minor. Anything else is an error, as it would be to the
// verifier.

import * as op from "../../../src/cgroups/devices/program.ts";

export interface DeviceContext {
  readonly type: "b" | "c";
  readonly access: number;
  readonly major: number;
  readonly minor: number;
}

/**
 * The program's verdict. Throws on what the verifier would refuse: a jump back or out, a use of an unset
 * register.
 */
export function runDeviceProgram(program: Uint8Array, context: DeviceContext): boolean {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const words = [(context.access << 16) | op.DEVICE_TYPES[context.type], context.major, context.minor];
  const registers = new Map<number, number>();
  const read = (register: number): number => {
    const value = registers.get(register);
    if (value === undefined) throw new Error(`register ${register} is not set`);
    return value;
  };
  for (let at = 0; at < program.length; ) {
    const code = view.getUint8(at);
    const to = view.getUint8(at + 1) & 15;
    const from = view.getUint8(at + 1) >> 4;
    const offset = view.getInt16(at + 2, true);
    const constant = view.getUint32(at + 4, true);
    at += op.INSTRUCTION_SIZE;
    if (code === op.EXIT) return read(0) !== 0;
    if (code === op.LOAD_WORD) {
      if (from !== 1 || registers.has(1)) throw new Error("r1 is no context any more");
      registers.set(to, words[offset / 4] ?? Number.NaN);
    } else if (code === op.AND_CONSTANT) registers.set(to, (read(to) & constant) >>> 0);
    else if (code === op.SHIFT_RIGHT) registers.set(to, read(to) >>> constant);
    else if (code === op.MOVE_CONSTANT) registers.set(to, constant);
    else if (code === op.MOVE_REGISTER) registers.set(to, read(from));
    else if (jumps(code, { constant, to, from }, read)) {
      if (offset < 0) throw new Error("a jump back");
      at += offset * op.INSTRUCTION_SIZE;
    }
  }
  throw new Error("the program has no end");
}

interface Operands {
  readonly constant: number;
  readonly to: number;
  readonly from: number;
}

function jumps(code: number, { constant, to, from }: Operands, read: (register: number) => number): boolean {
  if (code === op.JUMP) return true;
  if (code === op.JUMP_UNEQUAL) return read(to) !== constant;
  if (code === op.JUMP_UNEQUAL_REGISTER) return read(to) !== read(from);
  if (code === op.JUMP_ANY_BIT) return (read(to) & constant) !== 0;
  throw new Error(`opcode 0x${code.toString(16)} is not known`);
}
