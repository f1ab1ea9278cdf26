// What is known of a container's cgroup: the plan before it exists, the record that is saved with the state
// once it does. Types only, so that pure files may import them.

import type { CgroupRecord, Resources, UnitRecord } from "../spec/types.ts";
import type { DeviceRule } from "./devices/rules.ts";
import type { Property } from "./systemd/property.ts";
import type { Journal } from "./writer.ts";
import type { CgroupWrite } from "./writes.ts";

export type { CgroupRecord, UnitRecord };

export type CgroupDriverName = CgroupRecord["driver"];

/** The cgroup in one hierarchy, before it exists. */
export interface PlannedDirectory {
  /** Controllers reached through it; `""` stands for the unified hierarchy. */
  readonly controllers: readonly string[];
  readonly mountpoint: string;
  readonly path: string;
}

export interface UnitPlan extends UnitRecord {
  /** What it begins with, besides its first process. */
  readonly properties: readonly Property[];
}

export interface CgroupPlan {
  readonly driver: CgroupDriverName;
  readonly directories: readonly PlannedDirectory[];
  /** `--cgroup-manager disabled`: the container is to have none. */
  readonly isDisabled?: boolean | undefined;
  /** The configuration names the cgroup, so a lack of permission is an error even when rootless. */
  readonly explicit: boolean;
  readonly resources: Resources;
  /** Every rule that holds for the container, defaults included. */
  readonly devices: readonly DeviceRule[];
  /** v1: what must be written before a process may enter. */
  readonly beforeJoin: readonly CgroupWrite[];
  /** v2: the host user who may make cgroups below this one. */
  readonly owner: number | undefined;
  /** Made by systemd, when its first process is there. */
  readonly unit?: UnitPlan | undefined;
  /** v2: below that unit, where the container is then. */
  readonly subgroup?: string | undefined;
  /** v2: below the directory, for the processes; what holds for them is set in the directory. */
  readonly delegate?: string | undefined;
}

export type FreezeState = "thawed" | "frozen";

export interface ApplyContext {
  /** Errors of device rules are ignored, as an ordinary user cannot set any. */
  readonly rootless: boolean;
  /** The device rules to enforce; without them the present ones stay. */
  readonly devices?: readonly DeviceRule[] | undefined;
  /** Those that the container has already: its processes must not lose a device meanwhile that both have. */
  readonly devicesBefore?: readonly DeviceRule[] | undefined;
  /** Where old values are noted, when they may have to be put back. */
  readonly journal?: Journal | undefined;
}
