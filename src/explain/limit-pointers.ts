// Finds the setting of `linux.resources` that a write into a cgroup's file comes from. Pure; called by
// cgroups.ts.

import { type CgroupWrite, deviceNumber } from "../cgroups/writes.ts";
import { childPointer } from "../spec/json-positions.ts";
import type { Resources } from "../spec/types.ts";

export const RESOURCES = "/linux/resources";

/** The settings for each file, of both versions of cgroups. The first that the configuration has counts. */
const SETTINGS: Readonly<Record<string, readonly string[]>> = {
  "memory.max": ["memory/limit"],
  "memory.limit_in_bytes": ["memory/limit"],
  "memory.swap.max": ["memory/swap"],
  "memory.memsw.limit_in_bytes": ["memory/swap", "memory/limit"],
  "memory.low": ["memory/reservation"],
  "memory.soft_limit_in_bytes": ["memory/reservation"],
  "memory.swappiness": ["memory/swappiness"],
  "memory.oom_control": ["memory/disableOOMKiller"],
  "pids.max": ["pids/limit"],
  "cpu.max": ["cpu/quota", "cpu/period"],
  "cpu.max.burst": ["cpu/burst"],
  "cpu.weight": ["cpu/shares"],
  "cpu.idle": ["cpu/idle"],
  "cpu.shares": ["cpu/shares"],
  "cpu.cfs_period_us": ["cpu/period"],
  "cpu.cfs_quota_us": ["cpu/quota"],
  "cpu.cfs_burst_us": ["cpu/burst"],
  "cpu.rt_period_us": ["cpu/realtimePeriod"],
  "cpu.rt_runtime_us": ["cpu/realtimeRuntime"],
  "cpuset.cpus": ["cpu/cpus"],
  "cpuset.mems": ["cpu/mems"],
  "io.weight": ["blockIO/weight"],
  "io.bfq.weight": ["blockIO/weight"],
  "blkio.weight": ["blockIO/weight"],
  "blkio.bfq.weight": ["blockIO/weight"],
  "blkio.leaf_weight": ["blockIO/leafWeight"],
  "net_cls.classid": ["network/classID"],
  "net_prio.ifpriomap": ["network/priorities"],
};

/** The lists of `blockIO`, by a part of the file's name or by the beginning of the rate. */
const DEVICE_LISTS: readonly (readonly [word: string, list: DeviceList])[] = [
  ["read_bps_device", "throttleReadBpsDevice"],
  ["write_bps_device", "throttleWriteBpsDevice"],
  ["read_iops_device", "throttleReadIOPSDevice"],
  ["write_iops_device", "throttleWriteIOPSDevice"],
  ["rbps=", "throttleReadBpsDevice"],
  ["wbps=", "throttleWriteBpsDevice"],
  ["riops=", "throttleReadIOPSDevice"],
  ["wiops=", "throttleWriteIOPSDevice"],
  ["weight", "weightDevice"],
];

type DeviceList =
  | "throttleReadBpsDevice"
  | "throttleWriteBpsDevice"
  | "throttleReadIOPSDevice"
  | "throttleWriteIOPSDevice"
  | "weightDevice";

/** The pointer of the setting that a write comes from. */
export function limitPointers(resources: Resources): (write: CgroupWrite) => string {
  const devices = deviceIndices(resources);
  return ({ file, value }) => {
    if (resources.unified?.[file] === value) return childPointer(`${RESOURCES}/unified`, file);
    const [device = "", rate = ""] = value.split(" ");
    const list = DEVICE_LISTS.find(([word]) => file.includes(word) || rate.startsWith(word))?.[1];
    const found =
      devices.get(`${list} ${device}`) ?? pagePointer(resources, file) ?? setting(resources, file);
    if (found !== undefined) return `${RESOURCES}/${found}`;
    return file === "rdma.max" ? childPointer(`${RESOURCES}/rdma`, device) : RESOURCES;
  };
}

function setting(resources: Resources, file: string): string | undefined {
  const settings = SETTINGS[file] ?? [];
  const isThere = (path: string): boolean => {
    const [group = "", member = ""] = path.split("/");
    const values = (resources as Readonly<Record<string, object | undefined>>)[group];
    return values !== undefined && member in values;
  };
  return settings.find(isThere) ?? settings[0];
}

/** The entries of the lists of `blockIO`: `weightDevice 8:0` and its pointer. */
function deviceIndices({ blockIO }: Resources): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const list of new Set(DEVICE_LISTS.map(([, name]) => name))) {
    for (const [index, device] of (blockIO?.[list] ?? []).entries()) {
      found.set(`${list} ${deviceNumber(device)}`, `blockIO/${list}/${index}`);
    }
  }
  return found;
}

function pagePointer({ hugepageLimits = [] }: Resources, file: string): string | undefined {
  const index = hugepageLimits.findIndex(({ pageSize }) => file.startsWith(`hugetlb.${pageSize}.`));
  return index < 0 ? undefined : `hugepageLimits/${index}`;
}
