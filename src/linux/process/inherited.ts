// Keeps descriptors that the caller has leaked from being inherited further. Called by spawn.ts, once.

import { tryCall } from "../call/call.ts";
import { listDirectoryAt } from "../files/directories.ts";
import { CLOSE_RANGE_CLOEXEC, F_SETFD, FD_CLOEXEC } from "../numbers/fcntl.ts";

const LAST = 0xffffffff;

/**
 * Marks every descriptor from 3 on close-on-exec (CVE-2024-21626 shows what could happen otherwise), one by
 * one if close_range(2) cannot do it: before Linux 5.11, or under a filter.
 */
export function keepInherited(): void {
  if (tryCall("close_range", 3, LAST, CLOSE_RANGE_CLOEXEC) === 0) return;
  for (const { name } of listDirectoryAt("/proc/self/fd")) {
    if (Number(name) >= 3) tryCall("fcntl", Number(name), F_SETFD, FD_CLOEXEC);
  }
}
