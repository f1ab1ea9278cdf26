// Plans a container's unit from its configuration: name, slice, and what it begins with. Pure; called by
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
  /** What it begins with, besides its first process. */
  readonly properties: readonly Property[];
}

export interface PlannedUnit {
  readonly unit: UnitPlan;
  /** Its cgroup, below every mount point. */
  readonly path: string;
}

/** The first version that knows cgroup v2 only. */
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
    // A container does not wait for what services wait for, nor end with them.
    property("DefaultDependencies", "b", false),
    ...oomPolicy(request, name.name),
    // What the annotations ask for comes last, so it wins.
    ...annotationProperties(annotations),
  ];
  return { unit: { name: name.name, user: host.user, properties }, path: unitPath(name, host) };
}

/**
 * `memory.oom.group`, which systemd sets by this alone, and only as the scope begins: written by anybody
 * else it is 0 again after a daemon-reload, and any upgrade of a package would end the killing of whole
 * containers. An older systemd with this policy ends the scope also when the kernel has killed something in
 * a cgroup further down, by that one's limit: a container that may have such cgroups goes without.
 */
function oomPolicy({ host, unified, mayDivide }: UnitRequest, name: string): Property[] {
  if (unified?.["memory.oom.group"]?.trim() !== "1") return [];
  const since = mayDivide ? SINCE.scopeOomLocal : SINCE.scopeOomPolicy;
  return name.endsWith(".slice") || host.version < since ? [] : [property("OOMPolicy", "s", "kill")];
}

/**
 * A scope lies in its slice and divides its cgroup as it likes; a slice names its parent itself, by its name.
 */
function placeProperties(name: string, slice: string): Property[] {
  if (name.endsWith(".slice")) return [property("Wants", "as", [slice])];
  return [property("Slice", "s", slice), property("Delegate", "b", true)];
}
