// A container's cgroup before it exists, as plan.ts decides it. Types only, so that pure files may import
// them.

import type { Resources } from "../spec/types.ts";
import type { DeviceRule } from "./devices/rules.ts";
import type { CgroupDriverName } from "./record.ts";
import type { UnitPlan } from "./systemd/plan.ts";
import type { CgroupWrite } from "./writes.ts";

/** The cgroup in one hierarchy, before it exists. */
export interface PlannedDirectory {
  /** Controllers reached through it; `""` stands for the unified hierarchy. */
  readonly controllers: readonly string[];
  readonly mountpoint: string;
  readonly path: string;
}

export interface CgroupPlan {
  readonly driver: CgroupDriverName;
  readonly directories: readonly PlannedDirectory[];
  /** `--cgroup-manager disabled`: the container gets no cgroup. */
  readonly isDisabled?: boolean | undefined;
  /** The configuration names the cgroup, so a lack of permission is an error even when rootless. */
  readonly explicit: boolean;
  readonly resources: Resources;
  /** All rules for the container, including the defaults. */
  readonly devices: readonly DeviceRule[];
  /** v1: must be written before a process may enter. */
  readonly beforeJoin: readonly CgroupWrite[];
  /** v2: the host user who may make cgroups below this one. */
  readonly owner: number | undefined;
  /** The unit that systemd makes when the first process exists. */
  readonly unit?: UnitPlan | undefined;
  /** v2: the cgroup below that unit in which the container runs. */
  readonly subgroup?: string | undefined;
  /** v2: the cgroup below the directory for the processes; the limits are set in the directory. */
  readonly delegate?: string | undefined;
}
