// The names of system calls, as libseccomp knows them: which of a profile mean nothing to it, so that it
// skips them (`validate`), and which call a number is (`record`).

import { cString } from "../linux/call/words.ts";
import {
  NR_SCMP_ERROR,
  seccompArchNative,
  seccompSyscallResolveName,
  seccompSyscallResolveNumber,
} from "../linux/libraries/libseccomp.ts";
import { SYSCALL_NAMES } from "../linux/numbers/syscalls.ts";
import { nearestWord } from "../spec/nearest.ts";
import type { Seccomp } from "../spec/types.ts";
import { ARCHITECTURES, type Architecture, architectureName, X32_BIT } from "./tables.ts";

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

/** No architecture of ours has higher numbers of its own. */
const MOST_NUMBERS = 1024;

export interface NamedCall {
  /** Its number in decimal if libseccomp does not know it. */
  readonly name: string;
  readonly architecture: Architecture;
}

/** A system call by what a filter sees of it: AUDIT_ARCH_* and the number. */
export function namedCall(audit: number, number: number): NamedCall {
  const isX32 = audit === ARCHITECTURES.SCMP_ARCH_X86_64 && (number & X32_BIT) !== 0;
  const token = isX32 ? ARCHITECTURES.SCMP_ARCH_X32 : audit;
  const name = seccompSyscallResolveNumber(token, number) ?? String(number);
  return { name, architecture: architectureName(token) as Architecture };
}

/** The machine's own architecture, and the names of all of its calls. */
export function ownCalls(): { readonly architecture: Architecture; readonly names: readonly string[] } {
  const token = seccompArchNative();
  const numbers = Array.from({ length: MOST_NUMBERS }, (_, number) => number);
  const names = numbers.flatMap((number) => seccompSyscallResolveNumber(token, number) ?? []);
  return { architecture: architectureName(token) as Architecture, names };
}
