// A container's unit: makes it around the first process, sets its limits, stops it. Called by driver.ts.

import { TsrunError, throwIfOutOfMemory } from "../../errors.ts";
import type { Resources } from "../../spec/types.ts";
import type { DeviceRule } from "../devices/rules.ts";
import { freeze, freezeState, thaw } from "../freezer.ts";
import type { MergedResources } from "../merge.ts";
import type { ApplyContext, CgroupRecord } from "../record.ts";
import { exists } from "../tree.ts";
import { connectSystemd, type JobResult, reconnectSystemd, type Systemd, SystemdError } from "./bus.ts";
import { deviceProperties } from "./device-properties.ts";
import type { UnitPlan } from "./plan.ts";
import {
  resourcePropertiesV1,
  resourcePropertiesV2,
  restoringProperties,
  type UnitResources,
} from "./properties.ts";
import { property } from "./property.ts";
import { withUnkept } from "./unkept.ts";

/**
 * Makes the unit and moves the process into it. The cgroup exists when this returns. Calls `accepted` as soon
 * as systemd begins to make the unit. Without that call, a unit of this name is another container's.
 */
export function startUnit(unit: UnitPlan, pid: number, accepted: () => void): void {
  const systemd = connectSystemd(unit);
  const properties = [...unit.properties, property("PIDs", "au", [pid])];
  const attempt = `unable to start unit "${unit.name}"`;
  let result: JobResult;
  try {
    result = startOrReplace(systemd, unit.name, properties, accepted);
  } catch (error) {
    if (!(error instanceof SystemdError)) stopUnanswered(unit, pid);
    throwIfOutOfMemory(error);
    const words = error instanceof Error ? error.message : String(error);
    throw new TsrunError("E_CGROUP", `${attempt}: ${words}`, {
      cause: error,
      hint: "systemctl status and journalctl tell more; the unit's name comes from linux.cgroupsPath",
    });
  }
  if (result === "done") return;
  tryReset(systemd, unit.name);
  throw new TsrunError("E_CGROUP", `${attempt}: its job ended with "${result}"`, {
    hint: `journalctl --unit "${unit.name}" tells why`,
  });
}

/**
 * Without an answer nobody knows whether systemd has made the unit, which would stay for ever if the process
 * has ended before it entered. Stops the unit unless somebody else is in it: then it is another container's.
 */
function stopUnanswered(unit: UnitPlan, pid: number): void {
  try {
    const systemd = reconnectSystemd(unit);
    if (systemd.processes(unit.name).every((member) => member === pid)) systemd.stopUnit(unit.name);
  } catch {
    // There is no such unit, or systemd cannot be reached; what led here is the error to report.
  }
}

/** A failed container may have left a unit of this name: tells systemd to forget it, and tries once more. */
function startOrReplace(
  systemd: Systemd,
  name: string,
  properties: Parameters<Systemd["startTransientUnit"]>[1],
  accepted: () => void,
): JobResult {
  try {
    return systemd.startTransientUnit(name, properties, accepted);
  } catch (error) {
    if (!(error instanceof SystemdError) || error.busName !== "org.freedesktop.systemd1.UnitExists")
      throw error;
    tryReset(systemd, name);
    return systemd.startTransientUnit(name, properties, accepted);
  }
}

/**
 * Sets the unit's limits and device rules, and returns the resources that must be written to the files:
 * systemd rounds values, and would later write its own again.
 */
export function setUnitResources(
  record: CgroupRecord,
  resources: Resources,
  context: ApplyContext,
): Resources {
  const { unit } = record;
  if (unit === undefined) return resources;
  const systemd = connectSystemd(unit);
  const converted = convert(record, resources, systemd.version());
  const devices = context.devices === undefined ? [] : deviceProperties(context.devices, record.driver);
  const properties = [...devices, ...converted.properties];
  if (properties.length === 0) return converted.resources;
  // On v1 systemd closes all devices for a moment before it opens the allowed ones; no process may see that.
  const freezes = record.driver === "v1" && context.journal !== undefined && freezeState(record) === "thawed";
  if (freezes) freeze(record);
  try {
    systemd.setUnitProperties(unit.name, properties);
  } catch (error) {
    throwIfOutOfMemory(error);
    const words = error instanceof Error ? error.message : String(error);
    throw new TsrunError("E_CGROUP", `unable to set unit properties of "${unit.name}": ${words}`, {
      cause: error,
    });
  } finally {
    if (freezes) thaw(record);
  }
  return converted.resources;
}

/** The old values of what was changed, with the device rules if they were changed. */
export interface UnitBefore {
  readonly resources: Resources;
  readonly devices?: readonly DeviceRule[] | undefined;
}

/** Restores the properties that `changed` has set. Returns whether that worked. */
export function restoreUnitResources(record: CgroupRecord, changed: Resources, before: UnitBefore): boolean {
  const { unit } = record;
  if (unit === undefined) return true;
  try {
    const systemd = connectSystemd(unit);
    const version = systemd.version();
    const old = convert(record, before.resources, version).properties;
    const devices = before.devices === undefined ? [] : deviceProperties(before.devices, record.driver);
    const limits = restoringProperties(convert(record, changed, version).properties, old);
    systemd.setUnitProperties(unit.name, [...devices, ...limits]);
    return true;
  } catch (error) {
    if (error instanceof TsrunError) return false;
    throw error;
  }
}

/** The resources that an update of the unit must write. */
export function withLost({ unit, driver }: CgroupRecord, { change, inForce }: MergedResources): Resources {
  if (unit === undefined) return change;
  return withUnkept(change, inForce, { driver, version: connectSystemd(unit).version() });
}

function convert({ driver, paths }: CgroupRecord, resources: Resources, version: number): UnitResources {
  if (driver !== "v2") return resourcePropertiesV1(resources, version);
  const bfq = resources.blockIO !== undefined && exists(`${paths[""]}/io.bfq.weight`);
  return resourcePropertiesV2(resources, version, { bfq });
}

/**
 * Stops the unit, if there is one; a scope disappears by itself when it is empty. Errors are ignored: if they
 * matter, the removal of the cgroup fails. What led here may be the end of the connection, so another one is
 * tried: a scope whose cgroup others remove stays active for ever.
 */
export function stopUnit(record: CgroupRecord): void {
  if (!tryStop(record, connectSystemd)) tryStop(record, reconnectSystemd);
}

/** Returns whether systemd has answered; a refusal is an answer, too. */
function tryStop({ driver, unit, paths }: CgroupRecord, connect: typeof connectSystemd): boolean {
  if (unit === undefined) return true;
  const own = paths[driver === "v2" ? "" : "name=systemd"] ?? "";
  try {
    const systemd = connect(unit);
    const place = systemd.controlGroup(unit.name);
    if (place === undefined) return true;
    // A unit of this name in another slice is not ours: it kept ours from being made.
    if (place !== "" && own.endsWith(place)) systemd.stopUnit(unit.name);
    if (place === "" || own.endsWith(place)) tryReset(systemd, unit.name);
    return true;
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    return error instanceof SystemdError;
  }
}

/** Ignores the error about a unit that has not failed, or is gone. */
function tryReset(systemd: Systemd, name: string): void {
  try {
    systemd.resetFailedUnit(name);
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
  }
}

/**
 * Moves another process into the unit: an ordinary user may not move a process there from any cgroup.
 */
export function attachToUnit({ unit }: CgroupRecord, inside: string, pid: number): void {
  if (unit !== undefined) connectSystemd(unit).attachProcesses(unit.name, inside, [pid]);
}
