// Which names of system calls in a profile mean nothing to libseccomp, which skips them. Called by
// `validate`.

import { cString } from "../linux/call/words.ts";
import { NR_SCMP_ERROR, seccompSyscallResolveName } from "../linux/libraries/libseccomp.ts";
import { SYSCALL_NAMES } from "../linux/numbers/syscalls.ts";
import { nearestWord } from "../spec/nearest.ts";
import type { Seccomp } from "../spec/types.ts";

export interface UnknownName {
  /** JSON pointer below the profile. */
  readonly pointer: string;
  readonly name: string;
  /** What may have been meant. */
  readonly meant: string | undefined;
}

/** In the order of the profile; at most `most`. */
export function unknownNames({ syscalls = [] }: Seccomp, most: number): UnknownName[] {
  const unknown: UnknownName[] = [];
  for (const [rule, { names }] of syscalls.entries()) {
    for (const [index, name] of names.entries()) {
      if (name === "" || name.includes("\0") || isKnown(name)) continue;
      const pointer = `/syscalls/${rule}/names/${index}`;
      unknown.push({ pointer, name, meant: nearestWord(name, [...SYSCALL_NAMES]) });
      if (unknown.length === most) return unknown;
    }
  }
  return unknown;
}

function isKnown(name: string): boolean {
  return seccompSyscallResolveName(cString(name)) !== NR_SCMP_ERROR;
}
