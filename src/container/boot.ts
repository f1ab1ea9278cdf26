// Which boot of the machine a container belongs to. After another one nothing of it is in the kernel any
// more; its pid, its start time and the path of its cgroup may be somebody else's. Called by store.ts.

import { readTextIfThere } from "../linux/files/files.ts";
import { once } from "../once.ts";
import type { StateRecord } from "./record.ts";

/** random(4): another one after each boot. `undefined` where /proc does not tell. `list` asks many times. */
export const currentBoot = once(() =>
  readTextIfThere("/proc/sys/kernel/random/boot_id", { isShort: true })?.trim(),
);

/**
 * The record, without all that ended with the machine when that has booted since. Commands then find a
 * container that has stopped, kill nobody, and leave cgroups, mounts and units of these names to whoever has
 * them now.
 */
export function inThisBoot(record: StateRecord): StateRecord {
  if (record.bootId === undefined) return record;
  const current = currentBoot();
  if (current === undefined || current === record.bootId) return record;
  const { rdt: _group, mountsBefore: _mounts, startInside: _inside, ...rest } = record;
  return {
    ...rest,
    init_process_pid: 0,
    init_process_start: 0,
    cgroup: { driver: "none", paths: {}, created: [] },
    cgroupIsPlanned: false,
  };
}
