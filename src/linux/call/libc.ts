// System calls of tsrun's own process: everything that it does on the host goes through `syscall` here.
// Everything that must happen inside a container goes through src/proxy.

import { syscall as call } from "native";
import { locateBytes } from "../../engine/host/memory.ts";
import { assertWord, type Word } from "./words.ts";

/** An argument of a system call: a number, or memory that the kernel reads or fills. */
export type SyscallArgument = Word | Uint8Array;

/**
 * Makes one system call from this process. It has six parameters instead of a list, which would be a new
 * array for every call.
 *
 * The arrays among the arguments stay referenced until the call returns, so their memory is not freed before.
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
  // Most arguments are small whole numbers, which are not checked: that would take longer than the call.
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

/** The machine word of an argument. The caller keeps an array referenced until the call returns. */
export function toWord(argument: SyscallArgument): Word {
  if (typeof argument === "object") return argument.length === 0 ? 0 : locateBytes(argument);
  return assertWord(argument);
}
