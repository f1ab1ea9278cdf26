// Keeps descriptors that the caller has leaked from being inherited further. Called by spawn.ts, once.

import { mustCall, tryCall } from "../call/call.ts";
import { listDirectory } from "../files/directories.ts";
import { Descriptor } from "../files/files.ts";
import {
  AT_FDCWD,
  CLOSE_RANGE_CLOEXEC,
  F_SETFD,
  FD_CLOEXEC,
  O_CLOEXEC,
  O_DIRECTORY,
  O_RDONLY,
} from "../numbers/fcntl.ts";

const OPEN_FILES = "open the directory of open files";

const LAST = 0xffffffff;

/**
 * Marks every descriptor from 3 on close-on-exec (CVE-2024-21626 shows what could happen otherwise), one by
 * one if close_range(2) cannot do it: before Linux 5.11, or under a filter. Without /proc that is an error:
 * then nobody knows which there are.
 */
export function keepInherited(): void {
  if (tryCall("close_range", 3, LAST, CLOSE_RANGE_CLOEXEC) === 0) return;
  const flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  using files = new Descriptor(mustCall(OPEN_FILES, "openat", AT_FDCWD, "/proc/self/fd", flags));
  for (const { name } of listDirectory(files.number)) {
    if (Number(name) >= 3) tryCall("fcntl", Number(name), F_SETFD, FD_CLOEXEC);
  }
}
