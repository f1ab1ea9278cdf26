// Interprets an eBPF program that guards devices, to find out what it decides about one access. So programs
// of other managers, such as systemd's, are compared by what they decide. Supports only the instructions of
// such programs: loads from the context, arithmetic on constants and registers, jumps, exit. Pure.
// Documentation/bpf/standardization/instruction-set.rst.

import type { DeviceRequest } from "../cgroups/devices/device-set.ts";
import { DEVICE_TYPES, INSTRUCTION_SIZE } from "../cgroups/devices/program.ts";

/** The programs have no loops, so none takes more steps. */
const MOST_STEPS = 8192;

/** Bits of an opcode: its class, the source of its operand, its operation. */
const CLASS = 0x07;
const FROM_REGISTER = 0x08;
const OPERATION = 0xf0;

const LDX = 0x01;
const ALU = 0x04;
const JMP = 0x05;
const JMP32 = 0x06;
const ALU64 = 0x07;

/** How many bytes a load reads, by its opcode. */
const SIZES: Readonly<Record<number, number>> = { 97: 4, 105: 2, 113: 1 };

const EXIT = 0x90;
const CALL = 0x80;

/** Decides as the kernel would; `undefined` if the program has an instruction that is not supported here. */
export function decides(program: Uint8Array, request: DeviceRequest): boolean | undefined {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const context = contextOf(request);
  const registers = new Array<number>(11).fill(0);
  const count = program.length / INSTRUCTION_SIZE;
  for (let at = 0, step = 0; at >= 0 && at < count && step < MOST_STEPS; step++) {
    const code = view.getUint8(at * INSTRUCTION_SIZE);
    const pair = view.getUint8(at * INSTRUCTION_SIZE + 1);
    const offset = view.getInt16(at * INSTRUCTION_SIZE + 2, true);
    const constant = view.getUint32(at * INSTRUCTION_SIZE + 4, true);
    const [to, from] = [pair & 15, pair >> 4];
    const operand = (code & FROM_REGISTER) === 0 ? constant : (registers[from] ?? 0);
    const kind = code & CLASS;
    at += 1;
    if (kind === LDX) {
      const loaded = load(context, { code, offset, isContext: from === 1 });
      if (loaded === undefined) return undefined;
      registers[to] = loaded;
    } else if (kind === ALU || kind === ALU64) {
      const result = compute(code & OPERATION, registers[to] ?? 0, operand);
      if (result === undefined) return undefined;
      registers[to] = result;
    } else if (kind === JMP || kind === JMP32) {
      if ((code & OPERATION) === EXIT) return (registers[0] ?? 0) !== 0;
      if ((code & OPERATION) === CALL) return undefined;
      const isTaken = jumps(code & OPERATION, registers[to] ?? 0, operand);
      if (isTaken === undefined) return undefined;
      if (isTaken) at += offset;
    } else return undefined;
  }
  return undefined;
}

/** `struct bpf_cgroup_dev_ctx` */
function contextOf({ type, major, minor, access }: DeviceRequest): DataView {
  const view = new DataView(new ArrayBuffer(12));
  view.setUint32(0, (access << 16) | DEVICE_TYPES[type], true);
  view.setUint32(4, major, true);
  view.setUint32(8, minor, true);
  return view;
}

interface Load {
  readonly code: number;
  readonly offset: number;
  readonly isContext: boolean;
}

function load(context: DataView, { code, offset, isContext }: Load): number | undefined {
  const size = SIZES[code];
  if (size === undefined || !isContext || offset < 0 || offset + size > context.byteLength) return undefined;
  if (size === 4) return context.getUint32(offset, true);
  return size === 2 ? context.getUint16(offset, true) : context.getUint8(offset);
}

/** All values fit into 32 unsigned bits, so operations of 32 and 64 bits have the same result. */
function compute(operation: number, value: number, operand: number): number | undefined {
  switch (operation) {
    case 0x00:
      return (value + operand) >>> 0;
    case 0x10:
      return (value - operand) >>> 0;
    case 0x40:
      return (value | operand) >>> 0;
    case 0x50:
      return (value & operand) >>> 0;
    case 0x60:
      return (value << (operand & 31)) >>> 0;
    case 0x70:
      return value >>> (operand & 31);
    case 0xa0:
      return (value ^ operand) >>> 0;
    case 0xb0:
      return operand >>> 0;
    default:
      return undefined;
  }
}

function jumps(operation: number, value: number, operand: number): boolean | undefined {
  switch (operation) {
    case 0x00:
      return true;
    case 0x10:
      return value === operand;
    case 0x20:
      return value > operand;
    case 0x30:
      return value >= operand;
    case 0x40:
      return (value & operand) !== 0;
    case 0x50:
      return value !== operand;
    case 0xa0:
      return value < operand;
    case 0xb0:
      return value <= operand;
    default:
      return undefined;
  }
}

/** The constants that a program compares with. They include the major and minor numbers that it knows. */
export function constantsOf(program: Uint8Array): number[] {
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  const found = new Set<number>();
  for (let at = 0; at + INSTRUCTION_SIZE <= program.length; at += INSTRUCTION_SIZE) {
    const code = view.getUint8(at);
    const isJump = (code & CLASS) === JMP || (code & CLASS) === JMP32;
    const isConditional = (code & OPERATION) !== 0 && (code & OPERATION) < CALL;
    if (isJump && isConditional && (code & FROM_REGISTER) === 0) found.add(view.getUint32(at + 4, true));
  }
  return [...found];
}
