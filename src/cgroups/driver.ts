// What the stories do with a container's cgroup, whichever kind the host has. Called by create, start, kill,
// delete, exec, update, pause, ps and events; the record comes from the saved state, never from flags.

import { TsrunError } from "../errors.ts";
import { hasErrno } from "../linux/call.ts";
import { readTextIfThere, tryWriteFile } from "../linux/files.ts";
import { signalProcess } from "../linux/process.ts";
import type { Resources } from "../spec/types.ts";
import { freeze, freezeState, thaw } from "./freezer.ts";
import { unifiedCgroupOf } from "./host.ts";
import { planLimitsV1, planLimitsV2 } from "./limits.ts";
import type { MergedResources } from "./merge.ts";
import { plannedRecord } from "./plan.ts";
import type { ApplyContext, CgroupPlan, CgroupRecord } from "./record.ts";
import { assertEmpty, exists, processesBelow, removeCgroups, unmakeCgroups } from "./tree.ts";
import { applyV1, createV1, finishUnitV1, processDirectoryV1, tasksFiles } from "./v1.ts";
import { Journal, readKey } from "./writer.ts";

const SIGKILL = 9;

// A host has one kind; the code of the others is not even loaded.
const unitDriver = (): typeof import("./systemd/scope.ts") => require("./systemd/scope.ts");
const v2Driver = (): typeof import("./v2.ts") => require("./v2.ts");

export interface CreateContext {
  /** A lack of permission is tolerated when nothing is asked of the cgroup. */
  readonly rootless: boolean;
}

/** Makes the cgroup. On failure nothing of it is left. A unit is made later, by `joinNewCgroup`. */
export function createCgroup(plan: CgroupPlan, { rootless }: CreateContext): CgroupRecord {
  if (plan.unit !== undefined) {
    for (const { path } of plan.directories) assertEmpty(path);
    return plannedRecord(plan);
  }
  const made: string[] = [];
  try {
    const paths = createPaths(plan, rootless, made);
    const driver = Object.keys(paths).length === 0 ? "none" : plan.driver;
    return { driver, paths, created: made };
  } catch (error) {
    unmakeCgroups(made);
    if (!(error instanceof TsrunError) || !hasErrno(error, "EACCES", "EPERM", "EROFS")) throw error;
    // The sentence is runc's; its tests and its users look for it.
    throw new TsrunError(error.code, `unable to apply cgroup configuration: ${error.message}`, {
      cause: error,
      hint: "the cgroup must be below one that belongs to you and is writable",
    });
  }
}

function createPaths(plan: CgroupPlan, rootless: boolean, made: string[]): CgroupRecord["paths"] {
  switch (plan.driver) {
    case "v1":
      return createV1(plan, rootless, made);
    case "v2":
      return v2Driver().createV2(plan, rootless, made);
    case "none":
      if (rootless) return {};
      throw new TsrunError("E_CGROUP", "no cgroup mount found in mountinfo", {
        hint: "mount one, for instance: mount -t cgroup2 none /sys/fs/cgroup",
      });
  }
}

/**
 * Takes back what `createCgroup` made, when a later step of the creation has failed and its process is dead.
 * What was there before stays; so does a parent that somebody else uses by now.
 */
export function undoCgroup(record: CgroupRecord): void {
  if (record.unit !== undefined) {
    destroyCgroup(record);
    return;
  }
  const { paths, created } = record;
  const own: string[] = [];
  for (const path of Object.values(paths)) {
    if (created.includes(path) && !own.includes(path)) own.push(path);
  }
  removeCgroups(own);
  unmakeCgroups(created);
}

export type JoinFiles =
  /** v1: "0" goes into each file; `unified`, on hybrid hosts, is a directory for CLONE_INTO_CGROUP. */
  | {
      readonly tasks: readonly string[];
      readonly unified?: string;
      /** To be called with the process' pid before it enters anything: systemd moves it. */
      readonly admit?: (pid: number) => void;
    }
  /** v2: for CLONE_INTO_CGROUP. */
  | { readonly directory: string };

/**
 * How a process enters the container. On v1 it writes "0" to each `tasks` for itself while it has one thread:
 * writing another's pid to cgroup.procs waits for every CPU (about 11 ms).
 */
export function joinFiles(record: CgroupRecord, { init }: JoinOptions = {}): JoinFiles {
  const unified = record.paths[""];
  if (record.driver === "v2" && unified !== undefined) return joinV2(record, unified, init);
  const tasks = tasksFiles(record);
  return unified === undefined ? { tasks } : { tasks, unified };
}

export interface JoinOptions {
  /** Where the container has divided its cgroup, and so nothing can be in the cgroup itself: this one's. */
  readonly init?: number | undefined;
}

function joinV2(record: CgroupRecord, directory: string, init: number | undefined): JoinFiles {
  const divided = (readTextIfThere(`${directory}/cgroup.subtree_control`)?.trim() ?? "") !== "";
  if (divided && init !== undefined) return { directory: unifiedCgroupOf(init) ?? directory };
  const { unit } = record;
  // A user may not move processes here from everywhere, but its manager may.
  if (unit?.user === true && directory.endsWith(`/${unit.name}`)) {
    return { tasks: [], admit: (pid) => unitDriver().attachToUnit(record, pid) };
  }
  return { directory };
}

/** How the first process enters: as any other, or by systemd, which makes the unit around it. */
export function joinNewCgroup(plan: CgroupPlan, record: CgroupRecord): JoinFiles {
  const { unit, driver } = plan;
  if (unit === undefined) return joinFiles(record);
  if (driver === "v2") {
    return {
      tasks: [],
      admit: (pid) => {
        unitDriver().startUnit(unit, pid);
        v2Driver().finishUnitV2(plan);
      },
    };
  }
  const { "": _unified, "name=systemd": _systemd, ...paths } = record.paths;
  return {
    tasks: tasksFiles({ ...record, paths }),
    admit: (pid) => {
      unitDriver().startUnit(unit, pid);
      finishUnitV1(plan);
    },
  };
}

/** Sets the limits, and the device rules when the context has them. */
export function applyResources(record: CgroupRecord, resources: Resources, context: ApplyContext): void {
  if (record.unit !== undefined) {
    if (record.driver === "v2") v2Driver().assertAllowedV2(record, resources);
    noteLimits(record, resources, context);
  }
  const written =
    record.unit === undefined ? resources : unitDriver().setUnitResources(record, resources, context);
  if (record.driver === "v2") v2Driver().applyV2(record, written, context);
  else applyV1(record, written, context);
}

/** Before systemd changes them. */
function noteLimits({ driver, paths }: CgroupRecord, resources: Resources, { journal }: ApplyContext): void {
  if (journal === undefined) return;
  const limits = driver === "v2" ? planLimitsV2(resources) : planLimitsV1(resources);
  for (const { controller, writes } of limits) {
    const directory = paths[driver === "v2" ? "" : controller];
    if (directory === undefined) continue;
    for (const write of writes) journal.note(directory, write);
  }
}

/**
 * Changes limits of a container in use; device rules stay as they are. On failure the old values are written
 * back, and the error tells of those that could not be.
 */
export function updateResources(record: CgroupRecord, merged: MergedResources, before: Resources): void {
  // When a property changes, systemd sets the unit's files anew, and to defaults those it knows nothing of.
  const change = record.unit === undefined ? merged.change : merged.inForce;
  assertUnifiedUsable(record, change);
  const journal = new Journal();
  try {
    applyResources(record, change, { rootless: false, journal });
  } catch (error) {
    const unitRestored =
      record.unit === undefined || unitDriver().restoreUnitResources(record, change, before);
    const lost = journal.restore();
    if (!unitRestored) lost.push(`the unit "${record.unit?.name}"`);
    if (lost.length === 0) throw error;
    const words = error instanceof Error ? error.message : String(error);
    throw new TsrunError(
      "E_CGROUP",
      `${words}; and the old value of ${lost.join(", ")} could not be set back`,
      { cause: error, hint: error instanceof TsrunError ? error.hint : undefined },
    );
  }
}

function assertUnifiedUsable({ driver }: CgroupRecord, { unified = {} }: Resources): void {
  if (driver === "v2" || Object.keys(unified).length === 0) return;
  throw new TsrunError("E_CONFIG", "invalid configuration: cannot use unified on cgroup v1");
}

/** Host pids of all processes in the container, those in cgroups it made for itself included. */
export function readProcesses(record: CgroupRecord): number[] {
  const directory = processDirectory(record);
  return directory === undefined ? [] : processesBelow(directory);
}

function processDirectory(record: CgroupRecord): string | undefined {
  if (record.driver !== "v2") return processDirectoryV1(record);
  const directory = record.paths[""];
  return directory !== undefined && exists(directory) ? directory : undefined;
}

/**
 * Sends a signal to every process of the container. They are frozen meanwhile, so that none can escape by
 * forking; afterwards they run, since a frozen process does not die. False when there is no cgroup any more.
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
    for (const pid of processesBelow(directory)) signalProcess(pid, signal);
  } finally {
    if (canFreeze) thaw(record);
  }
  return true;
}

/** AS RUNC: a cgroup that does not freeze is signalled all the same. */
function tryFreeze(record: CgroupRecord): void {
  try {
    freeze(record);
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
  }
}

/** Removes the cgroup with everything below it. What is gone already is fine. */
export function destroyCgroup(record: CgroupRecord): void {
  if (record.unit !== undefined) unitDriver().stopUnit(record);
  const directories: string[] = [];
  for (const path of Object.values(record.paths)) if (!directories.includes(path)) directories.push(path);
  removeCgroups(directories);
}

/**
 * How often the kernel killed a process of the container for want of memory. Systemd removes a scope as soon
 * as it is empty, with what it counted; the slice above keeps it, among that of its other units.
 */
export function oomKills({ driver, paths, unit }: CgroupRecord): number {
  if (driver === "v2") {
    const own = paths[""] ?? "";
    const directory = unit === undefined ? own : own.slice(0, own.lastIndexOf("/"));
    return readKey(directory, "memory.events", "oom_kill");
  }
  const directory = paths.memory;
  return directory === undefined ? 0 : readKey(directory, "memory.oom_control", "oom_kill");
}

export type { ApplyContext, CgroupPlan, CgroupRecord } from "./record.ts";
export { freeze, freezeState, thaw };
