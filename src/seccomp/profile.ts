// What has to be known of a profile before its filter is there. Pure.

import type { Seccomp } from "../spec/types.ts";

/** True for a profile that says nothing. AS RUNC: no filter then. */
export function isEmptyProfile(profile: Seccomp): boolean {
  const defaultAction: string | undefined = profile.defaultAction;
  return (defaultAction ?? "") === "" && (profile.syscalls ?? []).length === 0;
}

/** Whether any rule hands system calls to an agent. */
export function usesNotify(profile: Seccomp): boolean {
  for (const rule of profile.syscalls ?? []) {
    if (rule.action === "SCMP_ACT_NOTIFY") return true;
  }
  return false;
}
