// Looks through /proc for processes that have a file open, as fuser(1) does.

import { tryCall } from "../linux/call/call.ts";
import { type FileStatus, readTextIfThere, STATX_BASIC, STATX_SIZE } from "../linux/files/files.ts";
import { isSameFile, parseStatx } from "../linux/files/statx.ts";
import { AT_FDCWD, AT_STATX_DONT_SYNC } from "../linux/numbers/fcntl.ts";
import { openFiles } from "../linux/process/open-files.ts";
import { accessOf, statusField } from "../linux/process/proc-text.ts";
import { type Cause, named } from "./cause.ts";

/** Names the process that has the file open for writing, so that it cannot be executed. */
export function writersOf(file: FileStatus, path: string): Cause {
  const holder = findHolder(file);
  const who = holder === undefined ? "another process" : `process ${holder.pid} (${named(holder.name)})`;
  return {
    words: `${who} has ${named(path)} open for writing`,
    next: "start it when that process has closed it",
  };
}

interface Holder {
  readonly pid: string;
  readonly name: string;
}

function findHolder(file: FileStatus): Holder | undefined {
  for (const { pid, path, fd } of openFiles()) {
    if (!isFile(path, file) || !isWriting(pid, fd)) continue;
    return { pid, name: statusField(`\n${readTextIfThere(`/proc/${pid}/status`) ?? ""}`, "Name") };
  }
  return undefined;
}

function isFile(path: string, file: FileStatus): boolean {
  const buffer = new Uint8Array(STATX_SIZE);
  if (tryCall("statx", AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_BASIC, buffer) < 0) return false;
  return isSameFile(parseStatx(buffer), file);
}

function isWriting(pid: string, fd: string): boolean {
  return accessOf(readTextIfThere(`/proc/${pid}/fdinfo/${fd}`) ?? "").writable;
}
