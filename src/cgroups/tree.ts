// Directories of cgroups: makes them with their parents, lists their processes, and removes them from the
// leaves up.

import { TsrunError, wrapError } from "../errors.ts";
import { hasErrno, tryCall } from "../linux/call/call.ts";
import { type Path, pathArgument, text } from "../linux/call/words.ts";
import { Descriptor, readText } from "../linux/files/files.ts";
import { poll } from "../linux/files/poll.ts";
import { EBUSY, EEXIST, ENOENT, ENOTEMPTY, errnoName, errnoWords } from "../linux/numbers/errno.ts";
import { AT_FDCWD, AT_REMOVEDIR, O_CLOEXEC, O_RDONLY } from "../linux/numbers/fcntl.ts";
import { POLLPRI } from "../linux/numbers/sched.ts";
import { processOfThread } from "../linux/process/process.ts";
import { walkCgroups } from "./walk.ts";

/**
 * Makes a cgroup and its missing parents below the mount point; `made` collects the new directories, parents
 * first. False if the cgroup existed already. Throws with the errno's name.
 */
export function makeCgroup(path: string, mountpoint: string, made: string[]): boolean {
  // The end of another container may remove a parent between two calls; then start again.
  for (let attempts = 0; ; attempts++) {
    // Record it first: afterwards there may be no memory to record it, and nobody would remove it.
    made.push(path);
    const result = tryCall("mkdirat", AT_FDCWD, path, 0o755);
    if (result === 0) return true;
    made.pop();
    if (result === -EEXIST) return false;
    if (result !== -ENOENT || path === mountpoint || attempts === 5) {
      const message = `cannot create directory "${path}": ${errnoWords(-result)}`;
      const subject = { kind: "new cgroup", directory: path } as const;
      throw new TsrunError("E_CGROUP", message, { errno: errnoName(-result), subject });
    }
    makeCgroup(path.slice(0, path.lastIndexOf("/")), mountpoint, made);
  }
}

/**
 * A cgroup that existed before must be empty: otherwise another container's processes would get this one's
 * limits, and be killed with it. Processes outside our pid namespace count, too.
 */
export function assertEmpty(path: string): void {
  const { seen, unseen } = membersBelow(path);
  const count = seen.length + unseen;
  if (count === 0) return;
  throw new TsrunError("E_CGROUP", `container's cgroup is not empty: ${count} process(es) found`, {
    hint: `another container may use "${path}"; give this one a cgroupsPath of its own`,
  });
}

/** In a frozen cgroup the container's first process would never run. */
export function assertThawed(frozen: boolean): void {
  if (frozen) throw new TsrunError("E_CGROUP", "container's cgroup unexpectedly frozen");
}

/**
 * The processes of a cgroup and of all cgroups below it, without those outside our pid namespace. None if the
 * cgroup does not exist.
 */
export function processesBelow(path: string): number[] {
  return membersBelow(path).seen;
}

export interface Members {
  readonly seen: number[];
  /** How many are outside our pid namespace. v2 lists them as 0, which must not be signalled; v1 does not. */
  readonly unseen: number;
}

/** All processes of a cgroup and of the cgroups below it. */
export function membersBelow(path: string): Members {
  const seen = new Set<number>();
  let unseen = 0;
  try {
    walkCgroups(path, {
      enter: (directory) => {
        for (const pid of processesOf(directory)) {
          if (pid === 0) unseen++;
          else seen.add(pid);
        }
      },
    });
  } catch (error) {
    throw wrapError(`cannot list the processes of cgroup "${path}"`, error);
  }
  return { seen: [...seen], unseen };
}

function processesOf(directory: number): number[] {
  const options = { at: directory };
  try {
    return parsePids(readText("cgroup.procs", options));
  } catch (error) {
    // The cgroup may be removed while it is read, and a threaded one of v2 lists only threads.
    if (hasErrno(error, "ENOENT", "ENODEV")) return [];
    if (hasErrno(error, "EOPNOTSUPP"))
      return parsePids(readText("cgroup.threads", options)).map(processOfThread);
    throw error;
  }
}

function parsePids(text: string): number[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map(Number);
}

/**
 * The longest waits between two attempts, in milliseconds: processes that were just killed need a moment to
 * end.
 */
const WAITS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/**
 * Removes cgroups and those below them, as many as possible. Busy ones are tried again for one second in
 * total, however many there are; then the error names them and the processes in them.
 */
export function removeCgroups(paths: readonly string[]): void {
  const failures: TsrunError[] = [];
  let rest = removeOnce(paths, failures);
  for (const wait of WAITS) {
    if (rest.length === 0) break;
    waitForRoom(rest, wait);
    rest = removeOnce(rest, failures);
  }
  for (const path of rest) failures.push(busyError(path));
  const [first] = failures;
  if (first !== undefined) throw first;
}

/**
 * Waits for a cgroup of v2 to report that the last thread below it has ended (cgroup-v2.rst, "Un-populated
 * Notification"), so no time is lost. v1 has no such report.
 */
function waitForRoom(paths: readonly string[], limitMs: number): void {
  const watched: Descriptor[] = [];
  try {
    for (const path of paths) {
      const name = `${path}/cgroup.events`;
      const events = new Descriptor(tryCall("openat", AT_FDCWD, name, O_RDONLY | O_CLOEXEC, 0));
      watched.push(events);
      // Changes from here on are reported. If no process is in it, something else makes it busy.
      const said = new Uint8Array(256);
      const length = tryCall("read", events.number, said, said.length);
      if (length <= 0 || text(said.subarray(0, length)).includes("populated 0")) events.close();
    }
    poll(
      watched.map(({ number }) => ({ fd: number, events: POLLPRI })),
      limitMs,
    );
  } finally {
    for (const events of watched) events.close();
  }
}

/** How many processes of a busy cgroup the error names. */
const TOLD = 10;

function busyError(path: string): TsrunError {
  const pids = processesBelow(path);
  const more = pids.length > TOLD ? ` and ${pids.length - TOLD} more` : "";
  const told = pids.slice(0, TOLD).join(", ");
  const who = pids.length === 0 ? "" : ` (processes ${told}${more} are still in it)`;
  return new TsrunError("E_CGROUP", `cannot remove cgroup "${path}": ${errnoWords(EBUSY)}${who}`, {
    errno: "EBUSY",
  });
}

/** Removes what it can and returns the busy ones; other failures are added to the list. */
function removeOnce(paths: readonly string[], failures: TsrunError[]): string[] {
  const busy: string[] = [];
  for (const path of paths) {
    try {
      if (!removeCgroup(path)) busy.push(path);
    } catch (error) {
      if (!(error instanceof TsrunError)) throw error;
      failures.push(error);
    }
  }
  return busy;
}

/** True when it is gone; false when it is busy. */
function removeCgroup(path: string): boolean {
  const result = removeOne(path);
  if (result === 0) return true;
  if (result === -EBUSY || result === -ENOTEMPTY) removeBelow(path);
  const again = removeOne(path);
  if (again === 0) return true;
  if (again === -EBUSY || again === -ENOTEMPTY) return false;
  // A read-only mount returns EROFS even for a missing directory, so check before failing.
  if (!exists(path)) return true;
  const message = `cannot remove cgroup "${path}": ${errnoWords(-again)}`;
  throw new TsrunError("E_CGROUP", message, { errno: errnoName(-again) });
}

/** Removes what can be removed below a cgroup. */
function removeBelow(path: string): void {
  walkCgroups(path, {
    skip: (parent, name) => removeOne(name, parent) === 0,
    leave: (parent, name) => {
      removeOne(name, parent);
    },
  });
}

function removeOne(path: Path, at = AT_FDCWD): number {
  const result = tryCall("unlinkat", at, pathArgument(path), AT_REMOVEDIR);
  return result === -ENOENT ? 0 : result;
}

/**
 * Removes what a failed creation made, the last first, since parents were made first. Cgroups that others use
 * by now stay. The list is empty afterwards: another creation may make the same cgroups.
 */
export function unmakeCgroups(made: string[]): void {
  for (let path = made.at(-1); path !== undefined; path = made.at(-1)) {
    removeOne(path);
    made.pop();
  }
}

/** faccessat(2): whether there is such a file. */
export function exists(path: string): boolean {
  return tryCall("faccessat", AT_FDCWD, path, 0, 0) === 0;
}
