// Makes a container's cgroup and sets its limits, on v1 and v2. Called by create, restore and update;
// join.ts, freezer.ts and members.ts act on the processes in it. The record comes from the saved state, never
// from flags.

import { TsrunError } from "../errors.ts";
import { hasErrno } from "../linux/call/call.ts";
import { KEYS } from "../spec/annotations.ts";
import type { Resources } from "../spec/types.ts";
import { noteDevicesV1 } from "./devices/apply-v1.ts";
import { DeviceProgram, noteDevicesV2 } from "./devices/apply-v2.ts";
import { type DeviceChange, isBuiltAnew } from "./devices/plan-change.ts";
import { freeze, freezeState, thaw } from "./freezer.ts";
import { type JoinFiles, joinFiles, tasksFiles } from "./join.ts";
import { planLimitsV1, planLimitsV2 } from "./limits.ts";
import { destroyCgroup } from "./members.ts";
import type { MergedResources } from "./merge.ts";
import { plannedRecord } from "./plan.ts";
import type { CgroupPlan } from "./planned.ts";
import type { ApplyContext, CgroupRecord } from "./record.ts";
import { noCgroup } from "./refusal.ts";
import { restoreUnitResources, setUnitResources, startUnit, withLost } from "./systemd/scope.ts";
import { assertEmpty, exists, removeCgroups } from "./tree.ts";
import { assertUsable } from "./unusable.ts";
import { applyV1, createV1, finishUnitV1 } from "./v1.ts";
import { applyV2, assertAllowedV2, createV2, finishUnitV2 } from "./v2.ts";
import { Journal } from "./writer.ts";

export interface CreateContext {
  /** EACCES and EPERM are tolerated if the configuration asks nothing of the cgroup. */
  readonly rootless: boolean;
  /** Collects the directories that are made, for `unmakeCgroups`, even if a later step fails. */
  readonly made: string[];
}

/** Makes the cgroup. After a failure `made` lists what exists. `joinNewCgroup` makes a unit, later. */
export function createCgroup(plan: CgroupPlan, { rootless, made }: CreateContext): CgroupRecord {
  if (plan.isDisabled === true) return plannedRecord(plan);
  if (plan.unit !== undefined) {
    for (const { path } of plan.directories) assertEmpty(path);
    return plannedRecord(plan);
  }
  try {
    const paths = createPaths(plan, rootless, made);
    const driver = Object.keys(paths).length === 0 ? "none" : plan.driver;
    if (driver === "none" && plan.delegate !== undefined) throw nothingToDelegate();
    return { driver, paths, created: made };
  } catch (error) {
    if (!(error instanceof TsrunError) || !hasErrno(error, "EACCES", "EPERM", "EROFS")) throw error;
    // runc's sentence, which its tests and its users look for.
    throw new TsrunError(error.code, `unable to apply cgroup configuration: ${error.message}`, {
      cause: error,
      hint: "the cgroup must be below one that belongs to you and is writable",
    });
  }
}

function nothingToDelegate(): TsrunError {
  const reason = "an ordinary user gets no cgroup here";
  return new TsrunError("E_CGROUP", `cannot do what /annotations/${KEYS.delegate} asks for: ${reason}`, {
    hint: "log in through systemd, which delegates a cgroup to each user",
  });
}

function createPaths(plan: CgroupPlan, rootless: boolean, made: string[]): CgroupRecord["paths"] {
  switch (plan.driver) {
    case "v1":
      return createV1(plan, rootless, made);
    case "v2":
      return createV2(plan, rootless, made);
    case "none":
      if (rootless) return {};
      throw new TsrunError("E_CGROUP", "no cgroup mount found in mountinfo", {
        hint: "mount one, for instance: mount -t cgroup2 none /sys/fs/cgroup",
      });
  }
}

/**
 * Removes the cgroup that `createCgroup` or `joinNewCgroup` made, with all cgroups below it, after a later
 * step of the creation has failed and its process is dead. Cgroups that existed before stay. So does a unit
 * of the same name, because of which systemd has refused to make ours. `unmakeCgroups` removes the parents.
 * Returns why a cgroup stays: somebody, such as a hook, has put a process into it.
 */
export function undoCgroup(record: CgroupRecord, made: readonly string[]): TsrunError | undefined {
  const { paths, unit } = record;
  const own = new Set(Object.values(paths).filter((path) => made.includes(path)));
  if (own.size === 0) return undefined;
  try {
    if (unit !== undefined) destroyCgroup(record);
    else removeCgroups([...own]);
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    for (const path of own) if (exists(path)) return error;
  }
  return undefined;
}

/**
 * How the first process enters its cgroup: as any process does, or moved by systemd, which makes the unit for
 * it. The unit's cgroups are then added to `made`, for `undoCgroup`.
 */
export function joinNewCgroup(plan: CgroupPlan, record: CgroupRecord, made: string[]): JoinFiles {
  const { unit, driver } = plan;
  if (unit === undefined) return joinFiles(record);
  const accepted = (): void => {
    for (const path of Object.values(record.paths)) if (!made.includes(path)) made.push(path);
  };
  if (driver === "v2") {
    return {
      tasks: [],
      admit: (pid) => {
        startUnit(unit, pid, accepted);
        finishUnitV2(plan, pid);
      },
    };
  }
  const { "": _unified, "name=systemd": _systemd, ...paths } = record.paths;
  return {
    tasks: tasksFiles({ ...record, paths }),
    admit: (pid) => {
      startUnit(unit, pid, accepted);
      finishUnitV1(plan);
    },
  };
}

/** The program that is to guard the devices of a new cgroup, not loaded yet; none where files do that. */
export function prepareDevices(plan: CgroupPlan, record: CgroupRecord): DeviceProgram | undefined {
  if (record.driver !== "v2" || record.isDisabled === true || plan.devices === undefined) return undefined;
  return new DeviceProgram(plan.devices);
}

/** Sets the limits, and the device rules when the context has them. */
export function applyResources(record: CgroupRecord, resources: Resources, context: ApplyContext): void {
  if (record.isDisabled === true) return;
  if (record.unit !== undefined) {
    if (record.driver === "v2") assertAllowedV2(record, resources);
    noteLimits(record, resources, context);
  }
  noteDevices(record, context);
  const written = record.unit === undefined ? resources : setUnitResources(record, resources, context);
  if (record.driver === "v2") applyV2(record, written, context);
  else applyV1(record, written, context);
}

/** Notes the present limits in the journal, before systemd changes them. */
function noteLimits({ driver, paths }: CgroupRecord, resources: Resources, { journal }: ApplyContext): void {
  if (journal === undefined) return;
  const limits = driver === "v2" ? planLimitsV2(resources) : planLimitsV1(resources, { isUpdate: true });
  for (const { controller, writes } of limits) {
    const directory = paths[driver === "v2" ? "" : controller];
    if (directory === undefined) continue;
    for (const write of writes) journal.note(directory, write);
  }
}

/** Notes the present device rules in the journal. */
function noteDevices({ driver, paths }: CgroupRecord, { devicesBefore, journal }: ApplyContext): void {
  if (devicesBefore === undefined || journal === undefined) return;
  if (driver === "v2") noteDevicesV2(paths[""] ?? "", journal);
  else noteDevicesV1(paths.devices, devicesBefore, journal);
}

/** What an update changes, and what held before it. */
export interface ResourceUpdate extends MergedResources {
  readonly before: Resources;
  readonly devices: DeviceChange | undefined;
  /** Records the change; called once all is set. If it throws, that counts as a failure of the change. */
  readonly keep?: () => void;
}

/**
 * Changes limits and device rules of a container in use. On failure the old values are written back, and the
 * error names those that could not be.
 */
export function updateResources(record: CgroupRecord, update: ResourceUpdate): void {
  if (record.isDisabled === true) throw noCgroup("change the limits");
  // Check only what this call asks for: an older tsrun may have accepted, and ignored, other limits.
  assertUsable(update.change, { driver: record.driver, at: "" });
  if (closesAll(record, update)) whileFrozen(record, () => updateOrRestore(record, update));
  else updateOrRestore(record, update);
}

function updateOrRestore(record: CgroupRecord, update: ResourceUpdate): void {
  const { before, devices } = update;
  const change = withLost(record, update);
  using journal = new Journal();
  try {
    const rules = { devices: devices?.after, devicesBefore: devices?.before };
    applyResources(record, change, { rootless: false, journal, ...rules });
    update.keep?.();
  } catch (error) {
    const old = { resources: before, devices: devices?.before };
    const unitRestored = record.unit === undefined || restoreUnitResources(record, change, old);
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

/** Whether the change goes through a moment in which the container has no device, or every one (v1). */
function closesAll({ driver, unit }: CgroupRecord, { devices }: ResourceUpdate): boolean {
  return driver === "v1" && devices !== undefined && (unit !== undefined || isBuiltAnew(devices));
}

/**
 * Acts while the container is frozen, so that no process sees the states in between. One that is paused stays
 * so.
 */
function whileFrozen(record: CgroupRecord, action: () => void): void {
  if (record.paths.freezer === undefined || freezeState(record) === "frozen") {
    action();
    return;
  }
  freeze(record);
  try {
    action();
  } finally {
    thaw(record);
  }
}
