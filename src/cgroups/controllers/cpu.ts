// The cpu controller. v1: Documentation/scheduler/sched-bwc.rst and sched-rt-group.rst; v2: cgroup-v2.rst,
// "CPU". Pure.

import type { CpuResources } from "../../spec/types.ts";
import { type CgroupWrite, decimal, isSet } from "../writes.ts";

/**
 * The shares that can be written. An idle cgroup has a fixed weight and accepts no other (tg_is_idle in
 * kernel/sched/core.c): the requested shares are written when it is no longer idle (mergeResources).
 */
function sharesOf({ idle, shares = 0 }: CpuResources): number {
  return idle === 1 ? 0 : shares;
}

/** First, since an idle cgroup accepts no shares. DIFFERS: runc writes it last on v1. */
function idleWrites({ idle }: CpuResources): CgroupWrite[] {
  return idle === undefined ? [] : [{ file: "cpu.idle", value: decimal(idle) }];
}

/** Linux 5.14. DIFFERS: an older kernel accepts only a burst of 0; runc does not report that. */
function burstWrites(
  { burst }: CpuResources,
  where: Pick<CgroupWrite, "file" | "mayPostpone">,
): CgroupWrite[] {
  if (burst === undefined) return [];
  const write: CgroupWrite = { ...where, value: decimal(burst, "unsigned") };
  return [isSet(burst) ? write : { ...write, tolerate: ["ENOENT"] }];
}

/** v1. */
export function cpuV1(cpu: CpuResources): CgroupWrite[] {
  const writes = idleWrites(cpu);
  const shares = sharesOf(cpu);
  if (isSet(shares)) {
    writes.push({ file: "cpu.shares", value: decimal(shares, "unsigned"), verifyAs: "cpu-shares" });
  }
  // Period, burst and quota must fit each other and the parent at every moment, so the kernel may accept the
  // first two only after the quota.
  const mayPostpone = isSet(cpu.quota);
  if (isSet(cpu.period)) {
    writes.push({ file: "cpu.cfs_period_us", value: decimal(cpu.period, "unsigned"), mayPostpone });
  }
  writes.push(...burstWrites(cpu, { file: "cpu.cfs_burst_us", mayPostpone }));
  if (isSet(cpu.quota)) writes.push({ file: "cpu.cfs_quota_us", value: decimal(cpu.quota) });
  return [...writes, ...realtimeV1(cpu)];
}

/**
 * The realtime budget of v1. It is set before joining, since no realtime process can enter a cgroup without
 * one.
 */
export function realtimeV1(cpu: CpuResources): CgroupWrite[] {
  const writes: CgroupWrite[] = [];
  if (isSet(cpu.realtimePeriod)) {
    const value = decimal(cpu.realtimePeriod, "unsigned");
    writes.push({ file: "cpu.rt_period_us", value, mayPostpone: isSet(cpu.realtimeRuntime) });
  }
  if (isSet(cpu.realtimeRuntime)) {
    writes.push({ file: "cpu.rt_runtime_us", value: decimal(cpu.realtimeRuntime) });
  }
  return writes;
}

/** v2; it has no realtime budget. */
export function cpuV2(cpu: CpuResources): CgroupWrite[] {
  const writes = idleWrites(cpu);
  const weight = sharesToWeight(sharesOf(cpu));
  if (weight !== 0) writes.push({ file: "cpu.weight", value: decimal(weight) });
  const bandwidth = isSet(cpu.quota) || isSet(cpu.period);
  writes.push(...burstWrites(cpu, { file: "cpu.max.burst", mayPostpone: isSet(cpu.quota) }));
  if (bandwidth) writes.push({ file: "cpu.max", value: cpuMax(cpu.quota ?? 0, cpu.period ?? 0) });
  return writes;
}

/** `$MAX $PERIOD`. An absent or negative quota means no limit; 100 ms is the kernel's default period. */
export function cpuMax(quota: number, period: number): string {
  return `${quota > 0 ? decimal(quota) : "max"} ${period === 0 ? 100000 : decimal(period, "unsigned")}`;
}

/**
 * v1 shares (2…1024…262144) as v2 weight (1…100…10000): a quadratic in log2 that meets all three points. The
 * linear formula of older runtimes does not (it turns 1024 into 39). AS RUNC since 1.3.2.
 */
export function sharesToWeight(shares: number): number {
  if (shares === 0) return 0;
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  const log = Math.log2(shares);
  const exponent = (log * log + 125 * log) / 612 - 7 / 34;
  return Math.ceil(10 ** exponent);
}
