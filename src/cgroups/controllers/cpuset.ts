// The cpuset controller: the same two files on v1 and v2 (cgroup-v1/cpusets.rst, cgroup-v2.rst "Cpuset").
// Pure.

import type { CpuResources } from "../../spec/types.ts";
import type { CgroupWrite } from "../writes.ts";

export type CpusetName = "cpus" | "mems";
export const CPUSET_NAMES: readonly CpusetName[] = ["cpus", "mems"];

/** v1 and v2. */
export function cpusetWrites(cpu: CpuResources): CgroupWrite[] {
  const writes: CgroupWrite[] = [];
  for (const name of CPUSET_NAMES) {
    const value = cpu[name];
    if (value !== undefined && value !== "") writes.push(cpusetWrite(name, value));
  }
  return writes;
}

/** A v1 hierarchy mounted with `noprefix` (Android) calls the files `cpus` and `mems`. */
export function cpusetWrite(name: CpusetName, value: string): CgroupWrite {
  return { file: `cpuset.${name}`, value, otherwise: { file: name, value } };
}
