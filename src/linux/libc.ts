// The host's C library, bound once: everything that talks to the kernel from tsrun's own process goes through
// `syscall` here, and what must happen inside a container goes through src/proxy. Beside it only spawn.ts and
// the optional libraries (libseccomp.ts, libsystemd.ts) load bun:ffi.

import { dlopen, FFIType, ptr, read } from "bun:ffi";
import { assertWord, type Word } from "./words.ts";

const word = FFIType.i64;

const { symbols } = dlopen("libc.so.6", {
  // Variadic in C; glibc's is plain assembly that moves registers, so a fixed signature is right on both
  // machines.
  syscall: { args: [word, word, word, word, word, word, word], returns: FFIType.i64_fast },
  __errno_location: { args: [], returns: FFIType.ptr },
});

const errnoAddress = symbols.__errno_location();

/** An argument of a system call: a number, or memory that the kernel reads or fills. */
export type SyscallArgument = Word | Uint8Array;

/**
 * Makes one system call from this process.
 *
 * The arrays in `args` stay referenced until the call returns, so their memory cannot be collected meanwhile.
 * @returns the result, or the negated errno.
 */
export function syscall(number: number, ...args: readonly SyscallArgument[]): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = args;
  const result = symbols.syscall(
    number,
    toWord(a),
    toWord(b),
    toWord(c),
    toWord(d),
    toWord(e),
    toWord(f),
  ) as number;
  if (result !== -1) return result;
  if (errnoAddress === null) return -1;
  return -read.i32(errnoAddress, 0);
}

/** The address of `bytes`; valid only while the caller keeps the array alive. */
export function addressOf(bytes: Uint8Array): number {
  return ptr(bytes);
}

function toWord(argument: SyscallArgument): Word {
  if (typeof argument === "object") return argument.length === 0 ? 0 : ptr(argument);
  return assertWord(argument);
}
