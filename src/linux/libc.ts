// The host's C library, bound once: everything that talks to the kernel from tsrun's own process goes through
// `syscall` here, and what must happen inside a container goes through src/proxy. Beside it only spawn.ts and
// the optional libraries (libseccomp.ts, libsystemd.ts) call C.

import { addressOf, bind, I64, I64_FAST, POINTER, readI32 } from "./ffi.ts";
import { assertWord, type Word } from "./words.ts";

const symbols = bind("libc.so.6", {
  // Variadic in C; glibc's is plain assembly that moves registers, so a fixed signature is right on both
  // machines.
  syscall: { args: [I64, I64, I64, I64, I64, I64, I64], returns: I64_FAST },
  __errno_location: { args: [], returns: POINTER },
});

const errnoAddress = symbols.__errno_location();

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
  const result = symbols.syscall(number, toWord(a), toWord(b), toWord(c), toWord(d), toWord(e), toWord(f));
  return result === -1 ? -readI32(errnoAddress) : result;
}

function toWord(argument: SyscallArgument): Word {
  if (typeof argument === "object") return argument.length === 0 ? 0 : addressOf(argument);
  return assertWord(argument);
}
