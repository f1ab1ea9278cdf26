// Questions about a profile that need no compiled filter. Pure.

import type { Seccomp } from "../spec/types.ts";

/** True for an empty profile. AS RUNC: it gives no filter. */
export function isEmptyProfile(profile: Seccomp): boolean {
  const defaultAction: string | undefined = profile.defaultAction;
  return (defaultAction ?? "") === "" && (profile.syscalls ?? []).length === 0;
}

/** Whether any rule passes system calls to an agent. */
export function usesNotify(profile: Seccomp): boolean {
  for (const rule of profile.syscalls ?? []) {
    if (rule.action === "SCMP_ACT_NOTIFY") return true;
  }
  return false;
}
