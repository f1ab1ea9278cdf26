// All limits of `linux.resources` as writes, controller by controller, in runc's order. Device rules are apart
// (devices/). Pure; called by v1.ts, v2.ts and `explain`.

import { blkioV1, ioV2 } from "./controllers/blkio.ts";
import { cpuV1, cpuV2 } from "./controllers/cpu.ts";
import { cpusetWrites } from "./controllers/cpuset.ts";
import { hugetlbV1, hugetlbV2 } from "./controllers/hugetlb.ts";
import { memoryV1, memoryV2 } from "./controllers/memory.ts";
import { netClsV1, netPrioV1 } from "./controllers/network.ts";
import { pidsWrites } from "./controllers/pids.ts";
import { rdmaWrites } from "./controllers/rdma.ts";
import { unifiedWrites } from "./controllers/unified.ts";
import type { Resources } from "./resources.ts";
import type { CgroupWrite, ControllerWrites } from "./writes.ts";

/** What a new cgroup of v1 has: no limit, in whole pages. */
export const UNLIMITED_V1 = 2 ** 63 - 4096;

/** v1. `memoryLimit` is what the cgroup has now. */
export function planLimitsV1(resources: Resources, memoryLimit: number = UNLIMITED_V1): ControllerWrites[] {
  const { cpu = {}, network = {} } = resources;
  return withoutEmpty([
    ["cpuset", cpusetWrites(cpu)],
    ["memory", memoryV1(resources.memory ?? {}, memoryLimit)],
    ["cpu", cpuV1(cpu)],
    ["pids", pidsWrites(resources.pids ?? {})],
    ["blkio", blkioV1(resources.blockIO ?? {})],
    ["hugetlb", hugetlbV1(resources.hugepageLimits ?? [])],
    ["net_cls", netClsV1(network)],
    ["net_prio", netPrioV1(network)],
    ["rdma", rdmaWrites(resources.rdma ?? {})],
  ]);
}

/** v2. What v1 alone has (network classes, swappiness, the OOM killer's switch, realtime) has no file here. */
export function planLimitsV2(resources: Resources): ControllerWrites[] {
  const { cpu = {} } = resources;
  return withoutEmpty([
    ["pids", pidsWrites(resources.pids ?? {})],
    ["memory", memoryV2(resources.memory ?? {})],
    ["io", ioV2(resources.blockIO ?? {})],
    ["cpu", cpuV2(cpu)],
    ["cpuset", cpusetWrites(cpu)],
    ["hugetlb", hugetlbV2(resources.hugepageLimits ?? [])],
    ["rdma", rdmaWrites(resources.rdma ?? {})],
    ["unified", unifiedWrites(resources.unified ?? {})],
  ]);
}

/** What is asked for and will have no effect, one sentence each, for --debug. */
export function resourceWarnings(resources: Resources): string[] {
  const { kernel, kernelTCP } = resources.memory ?? {};
  return kernel === undefined && kernelTCP === undefined
    ? []
    : ["Kernel memory settings are ignored and will be removed"];
}

function withoutEmpty(entries: readonly (readonly [string, CgroupWrite[]])[]): ControllerWrites[] {
  return entries
    .filter(([, writes]) => writes.length > 0)
    .map(([controller, writes]) => ({ controller, writes }));
}
