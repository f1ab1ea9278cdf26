// A device set as an eBPF program of type BPF_PROG_TYPE_CGROUP_DEVICE, which v2 runs at each access to a
// device (bpf-helpers(7), linux/bpf.h `struct bpf_cgroup_dev_ctx`). A pure assembler; attached by
// apply-v2.ts.

import { joinBytes } from "../../linux/call/words.ts";
import { buildDeviceSet, type DeviceException, type DeviceSet, sortExceptions } from "./device-set.ts";
import { ACCESS_ALL, deviceRules, WILDCARD } from "./rules.ts";

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

/** `struct bpf_insn` as two numbers of 32 bits, one after the other. */
type Instructions = number[];

interface Operands {
  readonly to?: number;
  readonly from?: number;
  readonly offset?: number;
  readonly constant?: number;
}

function add(
  instructions: Instructions,
  code: number,
  { to = 0, from = 0, offset = 0, constant = 0 }: Operands = {},
): void {
  instructions.push(code | (to << 8) | (from << 12) | (offset << 16), constant);
}

/** `access_type` holds the type in its lower half and the access in its upper; major and minor follow. */
function prologue(): Uint8Array {
  const instructions: Instructions = [];
  add(instructions, LOAD_WORD, { to: TYPE, from: CONTEXT, offset: 0 });
  add(instructions, MOVE_REGISTER, { to: ACCESS, from: TYPE });
  add(instructions, AND_CONSTANT, { to: TYPE, constant: 0xffff });
  add(instructions, SHIFT_RIGHT, { to: ACCESS, constant: 16 });
  add(instructions, LOAD_WORD, { to: MAJOR, from: CONTEXT, offset: 4 });
  add(instructions, LOAD_WORD, { to: MINOR, from: CONTEXT, offset: 8 });
  return bytesOf(instructions);
}

const PROLOGUE = prologue();
const ALLOW = verdict(true);
const DENY = verdict(false);

/** The program: one block per exception, then the default. */
export function assembleDeviceProgram({ defaultAllow, exceptions }: DeviceSet): Uint8Array {
  const parts = [PROLOGUE];
  for (const exception of sortExceptions(exceptions.values())) {
    parts.push(usualBlock(exception, defaultAllow) ?? block(exception, defaultAllow));
  }
  parts.push(defaultAllow ? ALLOW : DENY);
  return joinBytes(parts);
}

/** Conditions before a verdict; each one that fails jumps past it. A block may stand anywhere. */
function block({ type, major, minor, access }: DeviceException, defaultAllow: boolean): Uint8Array {
  const instructions: Instructions = [];
  const forAccess = defaultAllow ? 2 : access === ACCESS_ALL ? 0 : 3;
  const conditions = 1 + Number(major !== WILDCARD) + Number(minor !== WILDCARD) + forAccess;
  const end = conditions + 2;
  // An offset counts from the instruction after the jump.
  const past = (): number => end - instructions.length / 2 - 1;
  add(instructions, JUMP_UNEQUAL, { to: TYPE, offset: past(), constant: DEVICE_TYPES[type] });
  if (major !== WILDCARD) add(instructions, JUMP_UNEQUAL, { to: MAJOR, offset: past(), constant: major });
  if (minor !== WILDCARD) add(instructions, JUMP_UNEQUAL, { to: MINOR, offset: past(), constant: minor });
  if (defaultAllow) {
    // A denial needs only to overlap the access. DIFFERS: runc's program denies only an access that the rule
    // covers completely, so a device closed for writing can still be opened for reading and writing. The jump
    // after it is taken if the condition fails: JSET cannot be negated.
    add(instructions, JUMP_ANY_BIT, { to: ACCESS, offset: 1, constant: access });
    add(instructions, JUMP, { offset: past() });
  } else if (access !== ACCESS_ALL) {
    add(instructions, MOVE_REGISTER, { to: SCRATCH, from: ACCESS });
    add(instructions, AND_CONSTANT, { to: SCRATCH, constant: access });
    add(instructions, JUMP_UNEQUAL_REGISTER, { to: SCRATCH, from: ACCESS, offset: past() });
  }
  addVerdict(instructions, !defaultAllow);
  return bytesOf(instructions);
}

function verdict(allow: boolean): Uint8Array {
  const instructions: Instructions = [];
  addVerdict(instructions, allow);
  return bytesOf(instructions);
}

function addVerdict(instructions: Instructions, allow: boolean): void {
  add(instructions, MOVE_CONSTANT, { to: VERDICT, constant: allow ? 1 : 0 });
  add(instructions, EXIT);
}

function bytesOf(instructions: Instructions): Uint8Array {
  return new Uint8Array(Uint32Array.from(instructions).buffer);
}

/** The devices that nearly every container may use, with their blocks, which the build has assembled. */
const USUAL = [...buildDeviceSet(deviceRules([], [])).exceptions.values()].map((exception) => ({
  ...exception,
  block: block(exception, false),
}));

function usualBlock(
  { type, major, minor, access }: DeviceException,
  defaultAllow: boolean,
): Uint8Array | undefined {
  if (defaultAllow) return undefined;
  for (const usual of USUAL) {
    if (usual.major === major && usual.minor === minor && usual.type === type && usual.access === access)
      return usual.block;
  }
  return undefined;
}
