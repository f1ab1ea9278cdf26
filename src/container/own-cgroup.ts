// The cgroup by which a container's processes and figures are known. Called by every command that reads a
// cgroup, or signals the processes in it, without a first process that proves it to be the container's.

import type { CgroupRecord } from "../cgroups/record.ts";
import type { StateRecord } from "./record.ts";

/** Leads nowhere. */
const NONE: CgroupRecord = { driver: "none", paths: {}, created: [] };

/**
 * The container's cgroup; one without places while it is only planned. Another container may have a cgroup of
 * that path, and `create` may be under way, or have been killed before it could find that out.
 */
export function ownCgroup({ cgroup, cgroupIsPlanned }: StateRecord): CgroupRecord {
  return cgroupIsPlanned === true ? NONE : cgroup;
}
