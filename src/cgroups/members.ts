// The processes of a container's cgroup: lists them, sends them signals, and removes the cgroup. Called by
// every story after create.

import { TsrunError } from "../errors.ts";
import { hasErrno } from "../linux/call/call.ts";
import { tryWriteFile } from "../linux/files/files.ts";
import { poll } from "../linux/files/poll.ts";
import { SIGKILL } from "../linux/numbers/sched.ts";
import { signalListed } from "../linux/process/process-handle.ts";
import { begin, end } from "../spans.ts";
import { freeze, thawAll } from "./freezer.ts";
import type { CgroupRecord } from "./record.ts";
import { stopUnit } from "./systemd/scope.ts";
import { exists, type Members, membersBelow, processesBelow, removeCgroups } from "./tree.ts";

/** How long to wait for processes that are about to end, and how often to check. */
const PATIENCE_MS = 1000;
const LOOK_AGAIN_MS = 5;
/** How long processes that were killed may take to end, in milliseconds, as a first process may. */
const KILLED_MS = 10_000;

/** Host pids of all processes in the container, including those in cgroups that it has made itself. */
export function readProcesses(record: CgroupRecord): number[] {
  return readMembers(record).seen;
}

/** The same, with those outside our pid namespace. */
export function readMembers(record: CgroupRecord): Members {
  const directory = processDirectory(record);
  return directory === undefined ? { seen: [], unseen: 0 } : membersBelow(directory);
}

/** Waits for processes that are about to end. False if one stays. */
export function waitUntilEmpty(record: CgroupRecord, limitMs = PATIENCE_MS): boolean {
  const since = begin();
  try {
    for (const last = performance.now() + limitMs; ; poll([], LOOK_AGAIN_MS)) {
      if (readProcesses(record).length === 0) return true;
      if (performance.now() >= last) return false;
    }
  } finally {
    end(since, "wait", "wait until the cgroup is empty");
  }
}

function processDirectory(record: CgroupRecord): string | undefined {
  if (record.driver !== "v2") return processDirectoryV1(record);
  const directory = record.paths[""];
  return directory !== undefined && exists(directory) ? directory : undefined;
}

/**
 * Sends a signal to every process of the container. The processes are frozen meanwhile, so that none can
 * escape by forking, and then thawed, since a frozen process does not die. False if the cgroup no longer
 * exists.
 */
export function killProcesses(record: CgroupRecord, signal: number): boolean {
  const directory = processDirectory(record);
  if (directory === undefined) return false;
  // cgroup.kill (Linux 5.14) does it in one step.
  if (record.driver === "v2" && signal === SIGKILL && tryWriteFile(`${directory}/cgroup.kill`, "1") === 0) {
    return true;
  }
  const canFreeze = record.driver === "v2" || record.paths.freezer !== undefined;
  if (canFreeze) tryFreeze(record);
  try {
    signalListed(processesBelow(directory), signal, () => processesBelow(directory));
  } finally {
    if (canFreeze) thawAll(record);
  }
  return true;
}

/** AS RUNC: the processes get the signal even if the cgroup does not freeze, and on v1 soon. */
function tryFreeze(record: CgroupRecord): void {
  try {
    freeze(record, { limitMs: 0 });
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
  }
}

/** Removes the cgroup with everything below it. Directories that are already gone are no error. */
export function destroyCgroup(record: CgroupRecord): void {
  if (record.unit !== undefined) stopUnit(record);
  const directories: string[] = [];
  for (const path of Object.values(record.paths)) if (!directories.includes(path)) directories.push(path);
  removeCgroups(directories);
}

/**
 * Like `destroyCgroup`, for a cgroup whose processes have been killed. To end, each needs a processor, which
 * others or a limit of its own may keep from it for seconds.
 */
export function destroyKilledCgroup(record: CgroupRecord): void {
  try {
    destroyCgroup(record);
  } catch (error) {
    if (!hasErrno(error, "EBUSY") || !waitUntilEmpty(record, KILLED_MS)) throw error;
    destroyCgroup(record);
  }
}

/** The directory whose processes are the container's. */
function processDirectoryV1({ paths }: CgroupRecord): string | undefined {
  const directory = paths.devices ?? Object.values(paths)[0];
  return directory !== undefined && exists(directory) ? directory : undefined;
}
