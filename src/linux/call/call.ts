// System calls of tsrun's own process that must succeed, and the errors of those that fail.

import { TsrunError } from "../../errors.ts";
import { EINTR, errnoName, errnoWords } from "../numbers/errno.ts";
import { type SyscallName, syscallNumber } from "../numbers/syscalls.ts";
import { type SyscallArgument, syscall } from "./libc.ts";

type A = SyscallArgument;
/** At most six, none of them `undefined`: the defaults below are for absent ones. */
type Arguments = [] | [A] | [A, A] | [A, A, A] | [A, A, A, A] | [A, A, A, A, A] | [A, A, A, A, A, A];

/** Makes a call and returns its result or the negated errno; EINTR is retried. */
export function tryCall(name: SyscallName, ...args: Arguments): number;
export function tryCall(
  name: SyscallName,
  a: SyscallArgument = 0,
  b: SyscallArgument = 0,
  c: SyscallArgument = 0,
  d: SyscallArgument = 0,
  e: SyscallArgument = 0,
  f: SyscallArgument = 0,
): number {
  const number = syscallNumber(name);
  for (;;) {
    const result = syscall(number, a, b, c, d, e, f);
    if (result !== -EINTR) return result;
  }
}

/** Makes a call and throws `cannot <attempt>: <errno in words>` if it fails. */
export function mustCall(attempt: string, name: SyscallName, ...args: Arguments): number;
export function mustCall(
  attempt: string,
  name: SyscallName,
  a: SyscallArgument = 0,
  b: SyscallArgument = 0,
  c: SyscallArgument = 0,
  d: SyscallArgument = 0,
  e: SyscallArgument = 0,
  f: SyscallArgument = 0,
): number {
  const result = tryCall(name, a, b, c, d, e, f);
  if (result < 0) throw syscallError(attempt, -result);
  return result;
}

/** The error of a failed call: `cannot open "/x": no such file or directory`. */
export function syscallError(attempt: string, errno: number): TsrunError {
  return new TsrunError("E_SYSCALL", `cannot ${attempt}: ${errnoWords(errno)}`, { errno: errnoName(errno) });
}

/** Whether `error` is a failed system call with this errno name. */
export function hasErrno(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof TsrunError && error.errno !== undefined && names.includes(error.errno);
}
