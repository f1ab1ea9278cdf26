// Turns the resource usage of a container into containerd's metrics. Pure.

import { UINT64_MAX } from "../cgroups/stats/parse.ts";
import type { BlkioEntry, BlkioStats, MemoryCounter, Stats } from "../cgroups/stats/stats.ts";
import { encode, type ValuesOf } from "../protobuf/protobuf.ts";
import { MEMORY_V1_NAMES, MEMORY_V2_NAMES, METRICS_V1, METRICS_V2 } from "./messages/metrics.ts";
import type { Any } from "./messages/well-known.ts";

type Counters = Readonly<Record<string, bigint>>;

/** @param oomControl memory.oom_control of v1, by name */
export function metricsV1(stats: Stats, oomControl: ReadonlyMap<string, bigint>): Any {
  const { cpu, memory, pids, blkio, hugetlb } = stats;
  const { total, kernel, user, percpu } = cpu.usage;
  const values: ValuesOf<typeof METRICS_V1> = {
    hugetlb: Object.entries(hugetlb).map(([pagesize, one]) => ({ ...present(one), pagesize })),
    pids: present(pids),
    cpu: {
      usage: { ...present({ total, kernel, user }), perCpu: percpu ?? [] },
      throttling: present(cpu.throttling),
    },
    memory: {
      ...named(MEMORY_V1_NAMES, memory.raw ?? {}),
      usage: entryOf(memory.usage),
      swap: entryOf(memory.swap),
      kernel: entryOf(memory.kernel),
      kernelTcp: entryOf(memory.kernelTCP),
    },
    blkio: tablesOf(blkio),
    memoryOomControl: Object.fromEntries(oomControl),
  };
  return { typeUrl: "io.containerd.cgroups.v1.Metrics", value: encode(METRICS_V1, values) };
}

export function metricsV2({ cpu, memory, pids, blkio, hugetlb }: Stats): Any {
  const { usage, swap, raw = {}, events = {} } = memory;
  const { usage: used, throttling } = cpu;
  const values: ValuesOf<typeof METRICS_V2> = {
    pids: present(pids),
    cpu: {
      usageUsec: (used.total ?? 0n) / 1000n,
      userUsec: used.user / 1000n,
      systemUsec: used.kernel / 1000n,
      nrPeriods: throttling.periods,
      nrThrottled: throttling.throttledPeriods,
      throttledUsec: (throttling.throttledTime ?? 0n) / 1000n,
      psi: cpu.psi,
    },
    memory: {
      ...named(MEMORY_V2_NAMES, raw),
      // Since Linux 5.9 anonymous memory and files are counted separately.
      workingset_refault: both(raw, "workingset_refault"),
      workingset_activate: both(raw, "workingset_activate"),
      usage: usage.usage,
      usageLimit: usage.limit,
      // `Stats` has memory and swap together, as v1 counts them.
      swapUsage: (swap.usage ?? 0n) - (usage.usage ?? 0n),
      swapLimit: swap.limit === UINT64_MAX ? UINT64_MAX : BigInt.asUintN(64, swap.limit - usage.limit),
      maxUsage: usage.max,
      psi: memory.psi,
    },
    io: { usage: devicesOf(blkio), psi: blkio.psi },
    hugetlb: Object.entries(hugetlb).map(([pagesize, one]) => ({
      current: one.usage,
      max: one.max,
      pagesize,
    })),
    memoryEvents: events,
  };
  return { typeUrl: "io.containerd.cgroups.v2.Metrics", value: encode(METRICS_V2, values) };
}

/** proto3 sends no zeros. */
function present<T extends { readonly [K in keyof T]: bigint | undefined }>(
  counters: T,
): Partial<Record<keyof T, bigint>> {
  const entries = Object.entries<bigint | undefined>(counters).filter(
    ([, value]) => value !== undefined && value !== 0n,
  );
  return Object.fromEntries(entries) as Partial<Record<keyof T, bigint>>;
}

function named<const N extends readonly string[]>(
  names: N,
  raw: Counters,
): Partial<Record<N[number], bigint>> {
  return present(Object.fromEntries(names.map((name) => [name, raw[name]]))) as Partial<
    Record<N[number], bigint>
  >;
}

function both(raw: Counters, name: string): bigint {
  return raw[name] ?? (raw[`${name}_anon`] ?? 0n) + (raw[`${name}_file`] ?? 0n);
}

function entryOf({
  limit,
  usage,
  max,
  failcnt,
}: MemoryCounter): Partial<Record<keyof MemoryCounter, bigint>> {
  return present({ limit, usage, max, failcnt });
}

function tablesOf({ psi: _, ...tables }: BlkioStats): ValuesOf<(typeof METRICS_V1)["blkio"]["type"]> {
  return Object.fromEntries(
    Object.entries(tables).map(([name, entries]) => [
      name,
      (entries ?? []).map((one: BlkioEntry) => ({ ...one })),
    ]),
  );
}

/** What was read from and written to each device, from v1's tables. */
function devicesOf({ ioServiceBytesRecursive, ioServicedRecursive }: BlkioStats): Record<string, bigint>[] {
  const devices = new Map<string, Record<string, bigint>>();
  const add = (entries: readonly BlkioEntry[] | undefined, unit: string): void => {
    for (const { major = 0n, minor = 0n, op, value = 0n } of entries ?? []) {
      const key = `${major}:${minor}`;
      const device = devices.get(key) ?? { major, minor };
      devices.set(key, device);
      if (op === "Read") device[`r${unit}`] = value;
      if (op === "Write") device[`w${unit}`] = value;
    }
  };
  add(ioServiceBytesRecursive, "bytes");
  add(ioServicedRecursive, "ios");
  return [...devices.values()];
}
