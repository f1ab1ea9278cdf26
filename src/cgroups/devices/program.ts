// A device set as an eBPF program of type BPF_PROG_TYPE_CGROUP_DEVICE, which v2 runs at each access to a
// device (bpf-helpers(7), linux/bpf.h `struct bpf_cgroup_dev_ctx`). A pure assembler; attached by
// apply-v2.ts.

import { type DeviceException, type DeviceSet, sortExceptions } from "./device-set.ts";
import { ACCESS_ALL, WILDCARD } from "./rules.ts";

/** Bytes of `struct bpf_insn`: opcode, registers, jump offset, constant. */
export const INSTRUCTION_SIZE = 8;

/** linux/bpf_common.h and linux/bpf.h: class | operation | source of the operand. */
export const LOAD_WORD = 0x61; // BPF_LDX | BPF_MEM | BPF_W
export const AND_CONSTANT = 0x54; // BPF_ALU | BPF_AND | BPF_K
export const SHIFT_RIGHT = 0x74; // BPF_ALU | BPF_RSH | BPF_K
export const MOVE_CONSTANT = 0xb4; // BPF_ALU | BPF_MOV | BPF_K
export const MOVE_REGISTER = 0xbc; // BPF_ALU | BPF_MOV | BPF_X
export const JUMP_UNEQUAL = 0x56; // BPF_JMP32 | BPF_JNE | BPF_K
export const JUMP_UNEQUAL_REGISTER = 0x5e; // BPF_JMP32 | BPF_JNE | BPF_X
export const JUMP_ANY_BIT = 0x46; // BPF_JMP32 | BPF_JSET | BPF_K
export const JUMP = 0x05; // BPF_JMP | BPF_JA
export const EXIT = 0x95; // BPF_JMP | BPF_EXIT

/** BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_DEV_CHAR */
export const DEVICE_TYPES = { b: 1, c: 2 } as const;

/** The calling convention: r0 is the verdict, r1 the context at the start and free afterwards. */
const VERDICT = 0;
const CONTEXT = 1;
const SCRATCH = 1;
const TYPE = 2;
const ACCESS = 3;
const MAJOR = 4;
const MINOR = 5;

interface Instruction {
  readonly code: number;
  readonly to?: number;
  readonly from?: number;
  readonly offset?: number;
  readonly constant?: number;
}

/** `access_type` holds the type in its lower half and the access in its upper; major and minor follow. */
const PROLOGUE: readonly Instruction[] = [
  { code: LOAD_WORD, to: TYPE, from: CONTEXT, offset: 0 },
  { code: MOVE_REGISTER, to: ACCESS, from: TYPE },
  { code: AND_CONSTANT, to: TYPE, constant: 0xffff },
  { code: SHIFT_RIGHT, to: ACCESS, constant: 16 },
  { code: LOAD_WORD, to: MAJOR, from: CONTEXT, offset: 4 },
  { code: LOAD_WORD, to: MINOR, from: CONTEXT, offset: 8 },
];

/** The program: one block per exception, then the default. */
export function assembleDeviceProgram({ defaultAllow, exceptions }: DeviceSet): Uint8Array {
  const instructions: Instruction[] = [...PROLOGUE];
  for (const exception of sortExceptions(exceptions.values())) {
    instructions.push(...block(exception, defaultAllow));
  }
  instructions.push(...verdict(defaultAllow));
  return encode(instructions);
}

/** Conditions before a verdict; each one that fails jumps past it. */
function block({ type, major, minor, access }: DeviceException, defaultAllow: boolean): Instruction[] {
  const conditions: Instruction[] = [{ code: JUMP_UNEQUAL, to: TYPE, constant: DEVICE_TYPES[type] }];
  if (major !== WILDCARD) conditions.push({ code: JUMP_UNEQUAL, to: MAJOR, constant: major });
  if (minor !== WILDCARD) conditions.push({ code: JUMP_UNEQUAL, to: MINOR, constant: minor });
  if (defaultAllow) {
    // A denial needs only to overlap the access. DIFFERS: runc's program denies only an access that the rule
    // covers completely, so a device closed for writing can still be opened for reading and writing. The jump
    // after it is taken if the condition fails: JSET cannot be negated.
    conditions.push({ code: JUMP_ANY_BIT, to: ACCESS, constant: access, offset: 1 }, { code: JUMP });
  } else if (access !== ACCESS_ALL) {
    conditions.push({ code: MOVE_REGISTER, to: SCRATCH, from: ACCESS });
    conditions.push({ code: AND_CONSTANT, to: SCRATCH, constant: access });
    conditions.push({ code: JUMP_UNEQUAL_REGISTER, to: SCRATCH, from: ACCESS });
  }
  const end = conditions.length + 2;
  const instructions: Instruction[] = [];
  for (const condition of conditions) {
    // An offset counts from the instruction after the jump.
    const jumps = isJump(condition.code) && condition.offset === undefined;
    instructions.push(jumps ? { ...condition, offset: end - instructions.length - 1 } : condition);
  }
  instructions.push(...verdict(!defaultAllow));
  return instructions;
}

function isJump(code: number): boolean {
  return code === JUMP_UNEQUAL || code === JUMP_UNEQUAL_REGISTER || code === JUMP;
}

function verdict(allow: boolean): Instruction[] {
  return [{ code: MOVE_CONSTANT, to: VERDICT, constant: allow ? 1 : 0 }, { code: EXIT }];
}

function encode(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(instructions.length * INSTRUCTION_SIZE);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const { code, to = 0, from = 0, offset = 0, constant = 0 } of instructions) {
    view.setUint8(at, code);
    view.setUint8(at + 1, (from << 4) | to);
    view.setInt16(at + 2, offset, true);
    view.setUint32(at + 4, constant, true);
    at += INSTRUCTION_SIZE;
  }
  return bytes;
}
