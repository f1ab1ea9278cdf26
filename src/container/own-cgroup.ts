// The cgroup that has a container's processes and figures. Called by every command that reads a cgroup, or
// signals the processes in it, and has no first process that proves the cgroup to be the container's.

import type { CgroupRecord } from "../cgroups/record.ts";
import type { StateRecord } from "./record.ts";

/** Names no directory. */
const NONE: CgroupRecord = { driver: "none", paths: {}, created: [] };

/**
 * The container's cgroup. While that is only planned, one that names no directory: `create` is still at work,
 * or was killed, and may not have found out yet that the path is another container's.
 */
export function ownCgroup({ cgroup, cgroupIsPlanned }: StateRecord): CgroupRecord {
  return cgroupIsPlanned === true ? NONE : cgroup;
}
