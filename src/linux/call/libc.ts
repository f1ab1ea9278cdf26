// System calls of tsrun's own process: all that it does to the host goes through `syscall` here, and what
// must happen inside a container goes through src/proxy.

import { syscall as call } from "native";
import { locateBytes } from "../../engine/host/memory.ts";
import { assertWord, type Word } from "./words.ts";

/** An argument of a system call: a number, or memory that the kernel reads or fills. */
export type SyscallArgument = Word | Uint8Array;

/**
 * Makes one system call from this process. Six parameters and no list of them: every call would leave arrays
 * behind.
 *
 * The arrays among the arguments stay referenced until the call returns, so their memory cannot be collected
 * meanwhile.
 * @returns the result, or the negated errno.
 */
export function syscall(
  number: number,
  a: SyscallArgument,
  b: SyscallArgument,
  c: SyscallArgument,
  d: SyscallArgument,
  e: SyscallArgument,
  f: SyscallArgument,
): number {
  // Small whole numbers, which most arguments are, go as they are: to check each takes longer than the call.
  return call(
    number,
    typeof a === "number" && (a | 0) === a ? a : toWord(a),
    typeof b === "number" && (b | 0) === b ? b : toWord(b),
    typeof c === "number" && (c | 0) === c ? c : toWord(c),
    typeof d === "number" && (d | 0) === d ? d : toWord(d),
    typeof e === "number" && (e | 0) === e ? e : toWord(e),
    typeof f === "number" && (f | 0) === f ? f : toWord(f),
  );
}

/** The word that stands for an argument. The caller holds its array until the call returns. */
export function toWord(argument: SyscallArgument): Word {
  if (typeof argument === "object") return argument.length === 0 ? 0 : locateBytes(argument);
  return assertWord(argument);
}
