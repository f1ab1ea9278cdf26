// Plans a container's unit from its configuration: name, slice, and initial properties. Pure; called by
// ../plan.ts.

import { TsrunError } from "../../errors.ts";
import type { UnitRecord } from "../record.ts";
import { SINCE } from "./cpu-properties.ts";
import { annotationProperties } from "./gvariant.ts";
import { type Property, property } from "./property.ts";
import { resolveUnit, type SystemdHost, unitPath } from "./unit.ts";

export interface UnitRequest {
  readonly cgroupsPath: string | undefined;
  readonly id: string;
  readonly annotations: Readonly<Record<string, string>> | undefined;
  readonly host: SystemdHost;
  readonly v2: boolean;
  readonly unified: Readonly<Record<string, string>> | undefined;
  /** Whether the container can make cgroups below its own. */
  readonly mayDivide: boolean;
}

export interface UnitPlan extends UnitRecord {
  /** The initial properties, except the first process. */
  readonly properties: readonly Property[];
}

export interface PlannedUnit {
  readonly unit: UnitPlan;
  /** The unit's cgroup, below each mount point. */
  readonly path: string;
}

/** The first version that supports only cgroup v2. */
const WITHOUT_V1 = 258;

export function planUnit(request: UnitRequest): PlannedUnit {
  const { cgroupsPath, id, annotations, host, v2 } = request;
  if (host.user && !v2) {
    throw new TsrunError("E_CGROUP", "cannot use rootless systemd cgroups manager on cgroup v1", {
      hint: "boot with systemd.unified_cgroup_hierarchy=1, or leave out --systemd-cgroup",
    });
  }
  if (!v2 && host.version >= WITHOUT_V1) {
    throw new TsrunError("E_CGROUP", `systemd ${host.version} does not manage cgroup v1`, {
      hint: "leave out --systemd-cgroup, or have cgroup v2 alone at /sys/fs/cgroup",
    });
  }
  const name = resolveUnit(cgroupsPath, id, host);
  const accounting = ["Memory", "CPU", v2 ? "IO" : "BlockIO", "Tasks"];
  const properties = [
    property("Description", "s", `container ${name.title}`),
    ...placeProperties(name.name, name.slice),
    ...accounting.map((what) => property(`${what}Accounting`, "b", true)),
    // A container neither waits for the units that services wait for, nor ends with them.
    property("DefaultDependencies", "b", false),
    ...oomPolicy(request, name.name),
    // The annotations' properties come last, so they win.
    ...annotationProperties(annotations),
  ];
  return { unit: { name: name.name, user: host.user, properties }, path: unitPath(name, host) };
}

/**
 * The property for `memory.oom.group`: systemd sets the file only from this property, and only when the scope
 * starts. A value that another program writes is 0 again after a daemon-reload, so any upgrade of a package
 * would end the killing of whole containers. With this policy an older systemd ends the scope also when the
 * kernel has killed a process in a nested cgroup because of that cgroup's limit, so a container that may have
 * nested cgroups does not get it.
 */
function oomPolicy({ host, unified, mayDivide }: UnitRequest, name: string): Property[] {
  if (unified?.["memory.oom.group"]?.trim() !== "1") return [];
  const since = mayDivide ? SINCE.scopeOomLocal : SINCE.scopeOomPolicy;
  return name.endsWith(".slice") || host.version < since ? [] : [property("OOMPolicy", "s", "kill")];
}

/**
 * A scope gets its slice as a property and may divide its cgroup; a slice's name contains its parent.
 */
function placeProperties(name: string, slice: string): Property[] {
  if (name.endsWith(".slice")) return [property("Wants", "as", [slice])];
  return [property("Slice", "s", slice), property("Delegate", "b", true)];
}
