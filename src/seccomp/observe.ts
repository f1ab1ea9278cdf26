// The filter of a container that is recorded: the container's own one, changed so that each call that it
// would allow, or fail with an errno, is first told to tsrun. What it kills or traps it still kills or traps.
// tsrun answers by running the container's own program on the same registers (simulate.ts). Pure.
//
//     own program:  return A      recording:  go to the end of A
//                                 end of A:   did the interpreter of src/proxy make the call? return A
//                                             otherwise notify
//
// The calls that tsrun makes by the interpreter, up to execve(2), are told by their instruction pointer. They
// are under the container's own filter, too: a program that makes calls from those addresses gains nothing,
// except that its calls are not recorded.

import { TsrunError } from "../errors.ts";
import {
  DATA_INSTRUCTION_POINTER,
  decode,
  encode,
  type Instruction,
  JUMP_EQUAL,
  jump,
  jumpIf,
  LOAD_IMMEDIATE,
  LOAD_MEMORY,
  load,
  MEMORY_WORDS,
  plain,
  RETURN,
  returns,
  STORE,
} from "./bpf.ts";
import type { CompiledFilter } from "./filter.ts";
import { RETURN_ACCUMULATOR } from "./simulate.ts";
import {
  MAX_INSTRUCTIONS,
  SECCOMP_FILTER_FLAG_NEW_LISTENER,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
} from "./tables.ts";

/** SECCOMP_RET_ACTION_FULL, and the actions that are told. */
export const ACTION_MASK = 0xffff0000;
export const RETURN_ALLOW = 0x7fff0000;
export const RETURN_LOG = 0x7ffc0000;
export const RETURN_NOTIFY = 0x7fc00000;
export const RETURN_ERRNO = 0x00050000;

export interface Observed {
  readonly filter: CompiledFilter;
  /** The container's own program: what decides about a call. */
  readonly own: readonly Instruction[];
}

export interface ObserveOptions {
  /** Where the interpreter makes its calls. */
  readonly exempt: readonly number[];
  /** Whether the kernel knows WAIT_KILLABLE_RECV. */
  readonly waitsKillable: boolean;
}

/** The filter to record with. Throws for a filter that cannot be changed in this way. */
export function observe(own: CompiledFilter | undefined, options: ObserveOptions): Observed {
  if (own?.notify === true) {
    throw cannotRecord("its seccomp profile notifies an agent, and a process can have one listener only", {
      hint: "record it without SCMP_ACT_NOTIFY, and add those rules to the result",
    });
  }
  const program = own === undefined ? [returns(RETURN_ALLOW)] : decode(own.program);
  const told = telling(program, options.exempt);
  const flags = own?.flags ?? SECCOMP_FILTER_FLAG_SPEC_ALLOW;
  const killable = options.waitsKillable ? SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV : 0;
  const filter = {
    program: encode(told),
    flags: flags | SECCOMP_FILTER_FLAG_NEW_LISTENER | killable,
    notify: true,
  };
  return { filter, own: program };
}

function telling(own: readonly Instruction[], exempt: readonly number[]): Instruction[] {
  if (own.some(({ code }) => code === RETURN_ACCUMULATOR)) {
    throw cannotRecord("its seccomp program computes what it returns");
  }
  const slot = freeSlot(own);
  const start = prologue(exempt, slot);
  const actions = [...new Set(own.flatMap(({ code, operand }) => (isTold(code, operand) ? [operand] : [])))];
  const body = own.map((one, at) => {
    if (!isTold(one.code, one.operand)) return one;
    return jump(own.length - at - 1 + actions.indexOf(one.operand) * ENDING_LENGTH);
  });
  const program = [...start, ...body, ...actions.flatMap((action) => ending(action, slot))];
  if (program.length > MAX_INSTRUCTIONS) throw cannotRecord("its seccomp profile is too long to be watched");
  return program;
}

function isTold(code: number, operand: number): boolean {
  if (code !== RETURN) return false;
  const action = (operand & ACTION_MASK) >>> 0;
  return action === RETURN_ALLOW || action === RETURN_LOG || action === RETURN_ERRNO;
}

/** A word of memory that the program does not use. */
function freeSlot(own: readonly Instruction[]): number {
  // BPF_ST, BPF_STX, BPF_LD | BPF_MEM, BPF_LDX | BPF_MEM
  const users = [STORE, 0x03, LOAD_MEMORY, 0x61];
  const used = new Set(own.flatMap(({ code, operand }) => (users.includes(code) ? [operand] : [])));
  for (let slot = MEMORY_WORDS - 1; slot >= 0; slot--) if (!used.has(slot)) return slot;
  throw cannotRecord("its seccomp program uses all of its memory");
}

/**
 * Notes whether the call comes from one of these addresses, all of them below 4 GiB. The accumulator is 0
 * again at its end, as at the start of a program.
 */
function prologue(exempt: readonly number[], slot: number): Instruction[] {
  const comparisons = exempt.map((address, index) => {
    return jumpIf(JUMP_EQUAL, address, { yes: exempt.length - index + 2 });
  });
  return [
    load(DATA_INSTRUCTION_POINTER + 4),
    jumpIf(JUMP_EQUAL, 0, { no: exempt.length + 1 }),
    load(DATA_INSTRUCTION_POINTER),
    ...comparisons,
    plain(LOAD_IMMEDIATE, 0),
    plain(STORE, slot),
    jump(3),
    plain(LOAD_IMMEDIATE, 1),
    plain(STORE, slot),
    plain(LOAD_IMMEDIATE, 0),
  ];
}

const ENDING_LENGTH = 4;

function ending(action: number, slot: number): Instruction[] {
  return [
    plain(LOAD_MEMORY, slot),
    jumpIf(JUMP_EQUAL, 1, { no: 1 }),
    returns(action),
    returns(RETURN_NOTIFY),
  ];
}

function cannotRecord(reason: string, options: { readonly hint?: string } = {}): TsrunError {
  return new TsrunError("E_UNSUPPORTED", `cannot record the container's system calls: ${reason}`, options);
}
