// Compares the boot in a container's state with the current one. After a reboot nothing of the container is
// in the kernel; its pid, start time and cgroup path may belong to others. Called by store.ts.

import { readTextIfThere } from "../linux/files/files.ts";
import { once } from "../once.ts";
import type { StateRecord } from "./record.ts";

/**
 * random(4): different after each boot. `undefined` if /proc does not have it, or a sandbox around tsrun
 * shows an empty file. Cached, since `list` asks often.
 */
export const currentBoot = once(
  () => readTextIfThere("/proc/sys/kernel/random/boot_id", { isShort: true })?.trim() || undefined,
);

/** Whether the machine was restarted since; false if that cannot be found out. */
export function isOfEarlierBoot({ bootId }: Pick<StateRecord, "bootId">): boolean {
  if (bootId === undefined) return false;
  const current = currentBoot();
  return current !== undefined && current !== bootId;
}

/**
 * The record; after a reboot, without everything that was in the kernel. Commands then find a stopped
 * container, kill nobody, and leave alone the cgroups, mounts and units that have these names now.
 */
export function inThisBoot(record: StateRecord): StateRecord {
  if (!isOfEarlierBoot(record)) return record;
  const { rdt: _group, mountsBefore: _mounts, startInside: _inside, ...rest } = record;
  return {
    ...rest,
    init_process_pid: 0,
    init_process_start: 0,
    cgroup: { driver: "none", paths: {}, created: [] },
    cgroupIsPlanned: false,
  };
}
