// Writes limits and device rules again, by the code of `update`: afterwards either all are in force, or
// nothing has changed. Called by diff.ts, with the container locked.

import { ACCESS_ALL, type DeviceRule, WILDCARD } from "../cgroups/devices/rules.ts";
import { updateResources } from "../cgroups/driver.ts";
import type { CgroupPlan } from "../cgroups/planned.ts";
import type { StateRecord } from "../container/record.ts";
import type { Resources } from "../spec/types.ts";
import { allowsAll } from "./devices.ts";
import type { Difference } from "./model.ts";

/** Returns the names of what was written again; empty if nothing could be. */
export function fix(
  { cgroup }: StateRecord,
  { resources, devices }: CgroupPlan,
  differences: readonly Difference[],
): string[] {
  const fixable = differences.filter(({ fixable }) => fixable === true);
  if (fixable.length === 0) return [];
  const { devices: _, ...limits } = resources;
  const change = fixable.some(({ topic }) => topic === "limits") ? membersFor(limits, fixable) : {};
  const wantsDevices = fixable.some(({ topic }) => topic === "devices");
  updateResources(cgroup, {
    inForce: limits,
    change,
    before: limits,
    devices: wantsDevices
      ? { before: allowsAll(cgroup) ? [EVERYTHING] : devices, after: devices }
      : undefined,
  });
  const names = fixable.filter(({ topic }) => topic === "limits").map(({ what }) => what);
  return [...new Set(names), ...(wantsDevices ? ["device rules"] : [])];
}

const EVERYTHING: DeviceRule = {
  allow: true,
  type: "a",
  major: WILDCARD,
  minor: WILDCARD,
  access: ACCESS_ALL,
};

/** The members whose files differ. The others stay: one of them may be a limit that can no longer be set. */
function membersFor(limits: Resources, differences: readonly Difference[]): Resources {
  const names = differences.map(({ controller }) => MEMBERS[controller ?? ""] ?? controller);
  // `unified` is always included: it is written last and overrides what the others write to the same files.
  return Object.fromEntries(
    Object.entries(limits).filter(([name]) => name === "unified" || names.includes(name)),
  );
}

/** The members of `linux.resources` for controllers that have another name. */
const MEMBERS: Readonly<Record<string, string>> = {
  cpuset: "cpu",
  io: "blockIO",
  blkio: "blockIO",
  hugetlb: "hugepageLimits",
  net_cls: "network",
  net_prio: "network",
};
