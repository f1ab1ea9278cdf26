// `update`: changes the limits of a container while it runs.

import { planDeviceChange } from "../cgroups/devices/plan-change.ts";
import { updateResources } from "../cgroups/driver.ts";
import { mergeResources } from "../cgroups/merge.ts";
import { TsrunError } from "../errors.ts";
import { changeGroup, planUpdatedGroup } from "../rdt/host.ts";
import { loadResources } from "../spec/load.ts";
import { dropUnsetPids } from "../spec/normalise.ts";
import type { IntelRdt, RdtRecord, Resources } from "../spec/types.ts";
import { explainLimit } from "./causes.ts";
import { readDocument } from "./document.ts";
import type { GlobalOptions } from "./options.ts";
import type { StateRecord } from "./record.ts";
import { isAlive } from "./status.ts";
import { getStateDirectory, type StateDirectory } from "./store.ts";
import { Undo } from "./undo.ts";

/** The requested changes; empty schemata stay unchanged. */
export interface UpdateRequest {
  readonly resources: Resources;
  readonly rdt: Pick<IntelRdt, "l3CacheSchema" | "memBwSchema">;
}

/**
 * Sets the requested limits. Afterwards either all of them are in effect and saved, or nothing has changed.
 */
export function updateContainer(globals: GlobalOptions, id: string, asked: UpdateRequest): void {
  using directory = getStateDirectory(globals.root, id);
  directory.lock();
  const record = directory.load();
  if (!isAlive(record)) throw new TsrunError("E_STATE", "container not running");
  if (directory.waiting() === "creating") {
    throw new TsrunError("E_STATE", "container not running", {
      hint: "it is being made, and its create has yet to set the limits and to save its state",
    });
  }
  const { resources } = asked;
  dropUnsetPids(resources, record.ociVersion);
  // Most updates follow another one, and do not need the configuration.
  const linux =
    record.resources === undefined || resources.devices !== undefined ? directory.loadConfig().linux : {};
  const current = record.resources ?? linux?.resources ?? {};
  const merged = mergeResources(current, resources);
  const devices = planDeviceChange({
    asked: resources.devices,
    inForce: current.devices,
    devices: linux?.devices,
  });
  using undo = new Undo();
  const rdt = updateRdt(record, asked.rdt, undo);
  const updated = { ...record, ...(rdt === undefined ? {} : { rdt }), resources: merged.inForce };
  try {
    updateResources(record.cgroup, {
      ...merged,
      before: current,
      devices,
      keep: () => {
        tellUnkept(globals, directory, record, resources);
        directory.save(updated);
      },
    });
  } catch (error) {
    throw explainLimit(error);
  }
  undo.commit();
}

/**
 * Warns: systemd sets that file from a policy that cannot be changed after a scope has started; see
 * systemd/plan.ts.
 */
function tellUnkept(
  { log }: GlobalOptions,
  directory: StateDirectory,
  { cgroup }: StateRecord,
  { unified }: Resources,
): void {
  const asked = unified?.["memory.oom.group"]?.trim();
  if (cgroup.unit === undefined || asked === undefined) return;
  const policy =
    directory.loadConfig().linux?.resources?.unified?.["memory.oom.group"]?.trim() === "1" ? "1" : "0";
  if (asked === policy) return;
  const until = `systemd sets memory.oom.group to ${policy} again at its next daemon-reload`;
  log.warning(`${until}: only "create" can give systemd another value`);
}

/** AS RUNC: a container without a group gets its own one. */
function updateRdt(record: StateRecord, asked: UpdateRequest["rdt"], undo: Undo): RdtRecord | undefined {
  if (asked.l3CacheSchema === "" && asked.memBwSchema === "") return record.rdt;
  if (record.rdt !== undefined) {
    undo.add(changeGroup(record.rdt, asked));
    return record.rdt;
  }
  const group = planUpdatedGroup(asked, record.id);
  undo.add(group.make(record.init_process_pid));
  return group.record;
}

/** Reads and checks the resources of `--resources`; `-` is standard input. */
export function readResources(path: string, log: GlobalOptions["log"]): Resources {
  const { document, oddKeys } = loadResources(readDocument(path), path === "-" ? "standard input" : path);
  for (const warning of oddKeys) log.warning(warning);
  return document;
}
