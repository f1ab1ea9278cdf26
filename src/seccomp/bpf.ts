// Classic BPF, as seccomp(2) takes it: instructions and their bytes (`struct sock_filter`, <linux/filter.h>).
// Pure.

import { viewOf } from "../linux/call/words.ts";

export interface Instruction {
  readonly code: number;
  /** How many instructions a true or false comparison skips. */
  readonly jumpTrue: number;
  readonly jumpFalse: number;
  readonly operand: number;
}

/** Bytes of `struct sock_filter`: u16 code, u8 jt, u8 jf, u32 k. */
export const INSTRUCTION_SIZE = 8;

/** BPF_LD | BPF_W | BPF_ABS: a word of `struct seccomp_data` into the accumulator. */
export const LOAD = 0x20;
/** BPF_JMP | BPF_JA */
export const JUMP = 0x05;
/** BPF_JMP | BPF_JEQ | BPF_K */
export const JUMP_EQUAL = 0x15;
/** BPF_JMP | BPF_JGT | BPF_K, unsigned */
export const JUMP_GREATER = 0x25;
/** BPF_JMP | BPF_JSET | BPF_K: any bit in common */
export const JUMP_BITS = 0x45;
/** BPF_RET | BPF_K */
export const RETURN = 0x06;

/** BPF_LD | BPF_IMM: a constant into the accumulator. */
export const LOAD_IMMEDIATE = 0x00;
/** BPF_LD | BPF_MEM and BPF_ST: a word of the program's own memory, which has sixteen. */
export const LOAD_MEMORY = 0x60;
export const STORE = 0x02;
export const MEMORY_WORDS = 16;

/** Offsets in `struct seccomp_data`. */
export const DATA_NUMBER = 0;
export const DATA_ARCHITECTURE = 4;
export const DATA_INSTRUCTION_POINTER = 8;

/** Loads a word of `struct seccomp_data`. */
export function load(offset: number): Instruction {
  return plain(LOAD, offset);
}

/** Skips `distance` instructions. */
export function jump(distance: number): Instruction {
  return plain(JUMP, distance);
}

/** An instruction without jumps. */
export function plain(code: number, operand: number): Instruction {
  return { code, jumpTrue: 0, jumpFalse: 0, operand };
}

/** Compares the accumulator with `operand`; skips `yes` or `no` instructions. */
export function jumpIf(code: number, operand: number, { yes = 0, no = 0 }): Instruction {
  return { code, jumpTrue: yes, jumpFalse: no, operand };
}

/** Ends the program with an action. */
export function returns(action: number): Instruction {
  return plain(RETURN, action);
}

/** The bytes of a program; little-endian, as both machines are. */
export function encode(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * INSTRUCTION_SIZE);
  const view = viewOf(bytes);
  program.forEach((instruction, index) => {
    const offset = index * INSTRUCTION_SIZE;
    view.setUint16(offset, instruction.code, true);
    view.setUint8(offset + 2, instruction.jumpTrue);
    view.setUint8(offset + 3, instruction.jumpFalse);
    view.setUint32(offset + 4, instruction.operand, true);
  });
  return bytes;
}

/** The instructions in `bytes`. */
export function decode(bytes: Uint8Array): Instruction[] {
  const view = viewOf(bytes);
  const program: Instruction[] = [];
  for (let offset = 0; offset < bytes.length; offset += INSTRUCTION_SIZE) {
    program.push({
      code: view.getUint16(offset, true),
      jumpTrue: view.getUint8(offset + 2),
      jumpFalse: view.getUint8(offset + 3),
      operand: view.getUint32(offset + 4, true),
    });
  }
  return program;
}
