// System calls of tsrun's own process, and the errors of those that fail: everything that it does on the host
// goes through `tryCall`. Everything that must happen inside a container goes through src/proxy.

import { readText, syscall } from "native";
import { TsrunError } from "../../errors.ts";
import { EINTR, EMFILE, errnoName, errnoWords } from "../numbers/errno.ts";
import { OWN_NUMBERS, type SyscallName } from "../numbers/syscalls.ts";
import { cString, type Word } from "./words.ts";

/**
 * An argument of a system call: a whole number of at most 64 bits, a text that is passed as a C string, or
 * memory that the kernel reads or fills. The array stays referenced until the call returns. What is absent is
 * 0.
 */
export type SyscallArgument = Word | string | Uint8Array;

type A = SyscallArgument;
/** At most six, none of them `undefined`. */
type Arguments = [] | [A] | [A, A] | [A, A, A] | [A, A, A, A] | [A, A, A, A, A] | [A, A, A, A, A, A];

/** Makes a call and returns its result or the negated errno; EINTR is retried. */
export function tryCall(name: SyscallName, ...args: Arguments): number;
export function tryCall(
  name: SyscallName,
  a?: SyscallArgument,
  b?: SyscallArgument,
  c?: SyscallArgument,
  d?: SyscallArgument,
  e?: SyscallArgument,
  f?: SyscallArgument,
): number {
  const number = OWN_NUMBERS[name];
  for (;;) {
    const result = syscall(number, a, b, c, d, e, f);
    if (result !== -EINTR) return result;
    [a, b, c, d, e, f] = [a, b, c, d, e, f].map(bytesOfText);
  }
}

/** A text that is not ASCII cannot be passed as it is, and counts as an interruption. */
function bytesOfText<Argument>(argument: Argument | string): Argument | Uint8Array {
  return typeof argument === "string" ? cString(argument) : argument;
}

/**
 * Opens, reads and closes a file, which is read until its end, or with one read(2). Returns its text if it is
 * ASCII, otherwise its bytes; or a negated errno: EFBIG if it has more than `most` bytes, or may have more
 * than one read(2) returns.
 */
export function tryReadFile(
  path: string,
  at: number,
  isShort: boolean,
  most: number,
): string | ArrayBuffer | number {
  const short = isShort ? 1 : 0;
  const found = readText(at, path, short, most);
  return found === -EINTR ? readText(at, cString(path), short, most) : found;
}

/** Makes a call and throws `cannot <attempt>: <errno in words>` if it fails. */
export function mustCall(attempt: string, name: SyscallName, ...args: Arguments): number;
export function mustCall(
  attempt: string,
  name: SyscallName,
  a?: SyscallArgument,
  b?: SyscallArgument,
  c?: SyscallArgument,
  d?: SyscallArgument,
  e?: SyscallArgument,
  f?: SyscallArgument,
): number {
  const number = OWN_NUMBERS[name];
  for (;;) {
    const result = syscall(number, a, b, c, d, e, f);
    if (result >= 0) return result;
    if (result !== -EINTR) throw syscallError(attempt, -result);
    [a, b, c, d, e, f] = [a, b, c, d, e, f].map(bytesOfText);
  }
}

/** The error of a failed call: `cannot open "/x": no such file or directory`. */
export function syscallError(attempt: string, errno: number): TsrunError {
  return new TsrunError("E_SYSCALL", `cannot ${attempt}: ${errnoWords(errno)}`, {
    errno: errnoName(errno),
    hint: errno === EMFILE ? TOO_FEW_FILES : undefined,
  });
}

/** What the file was for says nothing: the next one would have failed, too. getrlimit(2). */
const TOO_FEW_FILES = "the limit of open files (RLIMIT_NOFILE, ulimit -n) is too low for tsrun: raise it";

/** Whether `error` is a failed system call with this errno name. */
export function hasErrno(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof TsrunError && error.errno !== undefined && names.includes(error.errno);
}
