// Tells whether a seccomp profile made a system call fail: whether its rule for the call returns the errno
// that was seen. Pure.

import { errnoName } from "../linux/numbers/errno.ts";
import type { Seccomp } from "../spec/types.ts";
import { type Cause, named } from "./cause.ts";

/** What SCMP_ACT_ERRNO returns when the rule does not say (runc and libseccomp's bindings). */
const DEFAULT_ERRNO = 1;

export function whyFiltered(profile: Seccomp | undefined, call: string, errno: string): Cause | undefined {
  if (profile === undefined) return undefined;
  const { syscalls = [], defaultAction, defaultErrnoRet } = profile;
  const next = `allow ${call} in linux.seccomp.syscalls`;
  const index = syscalls.findIndex(({ names }) => names.includes(call));
  const rule = syscalls[index];
  if (rule !== undefined) {
    if (!returns(rule.action, rule.errnoRet, errno)) return undefined;
    return { words: `the seccomp rule /linux/seccomp/syscalls/${index} denies ${call}(2)`, next };
  }
  if (!returns(defaultAction, defaultErrnoRet, errno)) return undefined;
  return { words: `the seccomp profile does not name ${call}(2), and its default action denies it`, next };
}

/** The rule or default action that kills the process at this call. */
export function whyKilled(profile: Seccomp | undefined, call: string): Cause | undefined {
  if (profile === undefined) return undefined;
  const { syscalls = [], defaultAction } = profile;
  const index = syscalls.findIndex(({ names }) => names.includes(call));
  const action = syscalls[index]?.action ?? defaultAction;
  if (!/^SCMP_ACT_(KILL|TRAP)/.test(action)) return undefined;
  const where = index < 0 ? "/linux/seccomp/defaultAction" : `/linux/seccomp/syscalls/${index}`;
  return {
    words: `the seccomp profile kills a process that calls ${call}(2): ${where} is ${named(action)}`,
    next: `allow ${call} in linux.seccomp.syscalls`,
  };
}

function returns(action: string, given: number | undefined, errno: string): boolean {
  return action === "SCMP_ACT_ERRNO" && errnoName(given ?? DEFAULT_ERRNO) === errno;
}
