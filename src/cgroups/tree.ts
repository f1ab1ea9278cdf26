// Directories of cgroups: made with what is missing above them, walked for processes, removed from the leaves
// up.

import { TsrunError } from "../errors.ts";
import { hasErrno, tryCall } from "../linux/call.ts";
import { listDirectoryAt } from "../linux/directories.ts";
import {
  EBUSY,
  EEXIST,
  ENODEV,
  ENOENT,
  ENOTEMPTY,
  EOPNOTSUPP,
  errnoName,
  errnoWords,
} from "../linux/errno.ts";
import { AT_FDCWD, AT_REMOVEDIR } from "../linux/fcntl.ts";
import { readText } from "../linux/files.ts";
import { poll } from "../linux/process.ts";
import { cString } from "../linux/words.ts";

export interface MadeDirectory {
  /** False when somebody else had made it already. */
  readonly fresh: boolean;
  /** What was made, parents first. */
  readonly made: readonly string[];
}

/** Makes a cgroup and what is missing between it and the mount point. Throws with the errno's name. */
export function makeCgroup(path: string, mountpoint: string): MadeDirectory {
  const made: string[] = [];
  // Another container's end may remove a parent between two calls; then the walk begins again.
  for (let attempts = 0; ; attempts++) {
    const result = tryCall("mkdirat", AT_FDCWD, cString(path), 0o755);
    if (result === 0) return { fresh: true, made: [...made, path] };
    if (result === -EEXIST) return { fresh: false, made };
    if (result !== -ENOENT || path === mountpoint || attempts === 5) {
      const message = `cannot create directory "${path}": ${errnoWords(-result)}`;
      throw new TsrunError("E_CGROUP", message, { errno: errnoName(-result) });
    }
    const parent = makeCgroup(path.slice(0, path.lastIndexOf("/")), mountpoint);
    made.push(...parent.made);
  }
}

/**
 * A cgroup that was there already must be nobody's: another container's processes would get this one's
 * limits.
 */
export function assertEmpty(path: string): void {
  const count = processesBelow(path).length;
  if (count === 0) return;
  throw new TsrunError("E_CGROUP", `container's cgroup is not empty: ${count} process(es) found`, {
    hint: `another container may use "${path}"; give this one a cgroupsPath of its own`,
  });
}

/** In a frozen cgroup the container's first process would never run. */
export function assertThawed(frozen: boolean): void {
  if (frozen) throw new TsrunError("E_CGROUP", "container's cgroup unexpectedly frozen");
}

/** The processes of a cgroup and of all below it; none when it is not there. */
export function processesBelow(path: string): number[] {
  const pids = processesOf(path);
  for (const child of childrenOf(path)) pids.push(...processesBelow(child));
  return pids;
}

function processesOf(path: string): number[] {
  try {
    return parsePids(readText(`${path}/cgroup.procs`));
  } catch (error) {
    // The cgroup may go away while it is read, and a threaded one of v2 lists only threads.
    if (hasErrno(error, "ENOENT", "ENODEV")) return [];
    if (hasErrno(error, errnoName(EOPNOTSUPP))) return parsePids(readText(`${path}/cgroup.threads`));
    throw error;
  }
}

function parsePids(text: string): number[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map(Number);
}

function childrenOf(path: string): string[] {
  const children: string[] = [];
  try {
    for (const entry of listDirectoryAt(path)) {
      if (entry.type === "directory") children.push(`${path}/${entry.name}`);
    }
  } catch (error) {
    if (!hasErrno(error, "ENOENT", errnoName(ENODEV))) throw error;
  }
  return children;
}

/** Waits between two attempts, in milliseconds: processes that were just killed need a moment to be gone. */
const WAITS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/**
 * Removes cgroups with those below them. A cgroup that is busy is tried again for a second in all, however
 * many there are; then the error names it and who is in it.
 */
export function removeCgroups(paths: readonly string[]): void {
  let rest = removeOnce(paths);
  for (const wait of WAITS) {
    if (rest.length === 0) return;
    poll([], wait);
    rest = removeOnce(rest);
  }
  const [busy] = rest;
  if (busy === undefined) return;
  const pids = processesBelow(busy);
  const who = pids.length === 0 ? "" : ` (processes ${pids.join(", ")} are still in it)`;
  throw new TsrunError("E_CGROUP", `cannot remove cgroup "${busy}": ${errnoWords(EBUSY)}${who}`, {
    errno: "EBUSY",
  });
}

/** Removes what can be removed and returns the rest. */
function removeOnce(paths: readonly string[]): string[] {
  const busy: string[] = [];
  for (const path of paths) if (!removeCgroup(path)) busy.push(path);
  return busy;
}

/** True when it is gone; false when it is busy. */
function removeCgroup(path: string): boolean {
  const result = removeOne(path);
  if (result === 0) return true;
  // A read-only mount answers EROFS even for what is not there, so look before complaining.
  const children = childrenOf(path);
  for (const child of children) removeCgroup(child);
  const again = children.length === 0 ? result : removeOne(path);
  if (again === 0) return true;
  if (again === -EBUSY || again === -ENOTEMPTY) return false;
  if (!exists(path)) return true;
  const message = `cannot remove cgroup "${path}": ${errnoWords(-again)}`;
  throw new TsrunError("E_CGROUP", message, { errno: errnoName(-again) });
}

function removeOne(path: string): number {
  const result = tryCall("unlinkat", AT_FDCWD, cString(path), AT_REMOVEDIR);
  return result === -ENOENT ? 0 : result;
}

/** Removes what a failed creation made, deepest first; what others use by now stays. */
export function unmakeCgroups(made: readonly string[]): void {
  for (const path of made.toReversed()) removeOne(path);
}

/** faccessat(2): whether there is such a file. */
export function exists(path: string): boolean {
  return tryCall("faccessat", AT_FDCWD, cString(path), 0, 0) === 0;
}
