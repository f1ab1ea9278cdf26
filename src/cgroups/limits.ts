// All limits of `linux.resources` as writes, controller by controller, in runc's order. Device rules are in
// devices/. Pure; called by v1.ts, v2.ts and `explain`.

import type { Resources } from "../spec/types.ts";
import { blkioV1, ioV2 } from "./controllers/blkio.ts";
import { cpuV1, cpuV2 } from "./controllers/cpu.ts";
import { cpusetWrites } from "./controllers/cpuset.ts";
import { hugetlbV1, hugetlbV2 } from "./controllers/hugetlb.ts";
import { memoryV1, memoryV2 } from "./controllers/memory.ts";
import { netClsV1, netPrioV1 } from "./controllers/network.ts";
import { pidsWrites } from "./controllers/pids.ts";
import { rdmaWrites } from "./controllers/rdma.ts";
import { unifiedWrites } from "./controllers/unified.ts";
import type { CgroupPlan } from "./planned.ts";
import type { CgroupWrite, ControllerWrites } from "./writes.ts";

/** v1. Set `isUpdate` for a cgroup that already has limits. */
export function planLimitsV1(resources: Resources, { isUpdate = false } = {}): ControllerWrites[] {
  const { memory, cpu, pids, blockIO, hugepageLimits, network, rdma } = resources;
  const plan = new Plan();
  if (cpu !== undefined) plan.add("cpuset", cpusetWrites(cpu));
  if (memory !== undefined) plan.add("memory", memoryV1(memory, { isUpdate }));
  if (cpu !== undefined) plan.add("cpu", cpuV1(cpu));
  if (pids !== undefined) plan.add("pids", pidsWrites(pids));
  if (blockIO !== undefined) plan.add("blkio", blkioV1(blockIO));
  if (hugepageLimits !== undefined) plan.add("hugetlb", hugetlbV1(hugepageLimits));
  if (network !== undefined) plan.add("net_cls", netClsV1(network));
  if (network !== undefined) plan.add("net_prio", netPrioV1(network));
  if (rdma !== undefined) plan.add("rdma", rdmaWrites(rdma));
  return plan.controllers;
}

/** v2. unusable.ts has refused the limits that only v1 has. */
export function planLimitsV2(resources: Resources): ControllerWrites[] {
  const { memory, cpu, pids, blockIO, hugepageLimits, rdma, unified } = resources;
  const plan = new Plan();
  if (pids !== undefined) plan.add("pids", pidsWrites(pids));
  if (memory !== undefined) plan.add("memory", memoryV2(memory));
  if (blockIO !== undefined) plan.add("io", ioV2(blockIO));
  if (cpu !== undefined) plan.add("cpu", cpuV2(cpu));
  if (cpu !== undefined) plan.add("cpuset", cpusetWrites(cpu));
  if (hugepageLimits !== undefined) plan.add("hugetlb", hugetlbV2(hugepageLimits));
  if (rdma !== undefined) plan.add("rdma", rdmaWrites(rdma));
  if (unified !== undefined) plan.add("unified", unifiedWrites(unified));
  return plan.controllers;
}

/** The limits for the cgroup's version. */
export function planLimits({ driver, resources }: CgroupPlan): ControllerWrites[] {
  return driver === "v2" ? planLimitsV2(resources) : planLimitsV1(resources);
}

/** The write that a kernel without the files in `missing` gets. */
export function writtenWithout(write: CgroupWrite, missing: ReadonlySet<string>): CgroupWrite {
  if (write.otherwise === undefined || !missing.has(write.file)) return write;
  return writtenWithout(write.otherwise, missing);
}

/** Keeps the controllers that have something to write. */
class Plan {
  readonly controllers: ControllerWrites[] = [];

  add(controller: string, writes: readonly CgroupWrite[]): void {
    if (writes.length > 0) this.controllers.push({ controller, writes });
  }
}
