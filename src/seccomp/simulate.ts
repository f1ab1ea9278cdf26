// Runs a filter's program on a system call as the kernel does (seccomp(2)): what `record` answers a
// notification by. Pure.

import {
  DATA_INSTRUCTION_POINTER,
  type Instruction,
  JUMP,
  JUMP_BITS,
  JUMP_EQUAL,
  JUMP_GREATER,
  LOAD,
  LOAD_IMMEDIATE,
  LOAD_MEMORY,
  MEMORY_WORDS,
  RETURN,
  STORE,
} from "./bpf.ts";

/** Bytes of `struct seccomp_data`. */
export const DATA_SIZE = 64;

export interface Outcome {
  /** SECCOMP_RET_* with its data. */
  readonly action: number;
  /** Whether it follows from the number and the architecture alone, so that it is the same next time. */
  readonly isFixed: boolean;
}

/** BPF_RET | BPF_A */
export const RETURN_ACCUMULATOR = 0x16;
/** BPF_JMP | BPF_JGE | BPF_K */
const JUMP_AT_LEAST = 0x35;
/** The bit of BPF_X in jumps and arithmetic. */
const SOURCE_X = 0x08;
/** Instruction classes, BPF_CLASS. */
const CLASS = 0x07;
const CLASS_ALU = 0x04;
const CLASS_JUMP = 0x05;
const OPERATION = 0xf0;

/** The registers of the machine. */
interface Registers {
  a: number;
  x: number;
  readonly memory: number[];
}

/**
 * Runs a program on the sixteen words of `struct seccomp_data`. Throws for an instruction that seccomp(2)
 * does not accept.
 */
export function simulate(program: readonly Instruction[], data: Uint32Array): Outcome {
  const registers: Registers = { a: 0, x: 0, memory: new Array<number>(MEMORY_WORDS).fill(0) };
  let isFixed = true;
  for (let at = 0; at < program.length; at++) {
    const { code, operand, jumpTrue, jumpFalse } = program[at] as Instruction;
    // Nearly all instructions of a profile are one of these three.
    if (code === LOAD) {
      registers.a = data[operand >> 2] ?? 0;
      if (operand >= DATA_INSTRUCTION_POINTER) isFixed = false;
    } else if (code === RETURN) {
      return { action: operand, isFixed };
    } else if (code === JUMP) {
      at += operand;
    } else if ((code & CLASS) === CLASS_JUMP) {
      const value = (code & SOURCE_X) === 0 ? operand : registers.x;
      at += compares(code & ~SOURCE_X, registers.a, value) ? jumpTrue : jumpFalse;
    } else if (code === RETURN_ACCUMULATOR) {
      return { action: registers.a, isFixed };
    } else if ((code & CLASS) === CLASS_ALU) {
      const value = (code & SOURCE_X) === 0 ? operand : registers.x;
      registers.a = compute(code & OPERATION, registers.a, value);
    } else move(code, operand, registers);
  }
  throw new Error("a seccomp program does not end with a return");
}

function compares(code: number, a: number, value: number): boolean {
  switch (code) {
    case JUMP_EQUAL:
      return a === value;
    case JUMP_GREATER:
      return a > value;
    case JUMP_AT_LEAST:
      return a >= value;
    case JUMP_BITS:
      return (a & value) !== 0;
    default:
      throw unknown(code);
  }
}

/** BPF_ALU; the kernel refuses a constant divisor of 0, and ends the program with 0 for another one. */
function compute(operation: number, a: number, value: number): number {
  switch (operation) {
    case 0x00:
      return (a + value) >>> 0;
    case 0x10:
      return (a - value) >>> 0;
    case 0x20:
      return Math.imul(a, value) >>> 0;
    case 0x30:
      return value === 0 ? 0 : Math.floor(a / value);
    case 0x40:
      return (a | value) >>> 0;
    case 0x50:
      return (a & value) >>> 0;
    case 0x60:
      return (a << value) >>> 0;
    case 0x70:
      return a >>> value;
    case 0x80:
      return -a >>> 0;
    case 0xa0:
      return (a ^ value) >>> 0;
    default:
      throw unknown(operation | CLASS_ALU);
  }
}

/** What moves a word between registers and memory: BPF_LD, BPF_LDX, BPF_ST, BPF_STX, BPF_MISC. */
function move(code: number, operand: number, registers: Registers): void {
  switch (code) {
    case LOAD_IMMEDIATE:
      registers.a = operand;
      return;
    case LOAD_MEMORY:
      registers.a = registers.memory[operand] ?? 0;
      return;
    case STORE:
      registers.memory[operand] = registers.a;
      return;
    // BPF_LD | BPF_LEN, BPF_LDX | BPF_LEN
    case 0x80:
      registers.a = DATA_SIZE;
      return;
    case 0x81:
      registers.x = DATA_SIZE;
      return;
    // BPF_LDX | BPF_IMM, BPF_LDX | BPF_MEM
    case 0x01:
      registers.x = operand;
      return;
    case 0x61:
      registers.x = registers.memory[operand] ?? 0;
      return;
    // BPF_STX
    case 0x03:
      registers.memory[operand] = registers.x;
      return;
    // BPF_MISC | BPF_TAX, BPF_TXA
    case 0x07:
      registers.x = registers.a;
      return;
    case 0x87:
      registers.a = registers.x;
      return;
    default:
      throw unknown(code);
  }
}

function unknown(code: number): Error {
  return new Error(`seccomp(2) accepts no BPF instruction 0x${code.toString(16)}`);
}
