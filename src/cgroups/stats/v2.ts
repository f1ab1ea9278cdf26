// Statistics of a v2 cgroup (Documentation/admin-guide/cgroup-v2.rst), put into v1's shape as runc's fs2
// package does. Pure: the caller passes a function that reads the files.

import { parseCounter, parseFlatKeyed, parsePressure, sorted, UINT64_MAX, unlessZero } from "./parse.ts";
import type {
  BlkioEntry,
  BlkioStats,
  CpuStats,
  CpusetStats,
  HugetlbStats,
  MemoryCounter,
  MemoryEvents,
  MemoryStats,
  PidsStats,
  Stats,
  StatsSource,
} from "./stats.ts";

type Read = (file: string) => string | undefined;

/** v2 has no such counters. */
const NO_CPUSET: CpusetStats = {
  cpus: undefined,
  cpu_exclusive: 0n,
  mems: undefined,
  mem_hardwall: 0n,
  mem_exclusive: 0n,
  memory_migrate: 0n,
  memory_spread_page: 0n,
  memory_spread_slab: 0n,
  memory_pressure: 0n,
  sched_load_balance: 0n,
  sched_relax_domain_level: 0n,
};

export function statsV2({ read: readOf, hugepageSizes }: StatsSource): Stats {
  const read: Read = (file) => readOf("", file);
  const sizes = hugepageSizes.filter((size) => read(`hugetlb.${size}.current`) !== undefined);
  return {
    cpu: cpuStats(read),
    cpuset: NO_CPUSET,
    memory: memoryStats(read),
    pids: pidsStats(read),
    blkio: ioStats(read),
    hugetlb: sorted(sizes.map((size) => [size, hugetlbStats(read, size)] as const)),
    intel_rdt: {},
    network_interfaces: null,
  };
}

function cpuStats(read: Read): CpuStats {
  const stat = parseFlatKeyed(read("cpu.stat"));
  const nanoseconds = (key: string): bigint => (stat.get(key) ?? 0n) * 1000n;
  return {
    usage: {
      total: unlessZero(nanoseconds("usage_usec")),
      percpu: undefined,
      percpu_kernel: undefined,
      percpu_user: undefined,
      kernel: nanoseconds("system_usec"),
      user: nanoseconds("user_usec"),
    },
    throttling: {
      periods: unlessZero(stat.get("nr_periods")),
      throttledPeriods: unlessZero(stat.get("nr_throttled")),
      throttledTime: unlessZero(nanoseconds("throttled_usec")),
    },
    psi: parsePressure(read("cpu.pressure")),
  };
}

const NOTHING: MemoryCounter = { limit: 0n, usage: undefined, max: undefined, failcnt: 0n };

function memoryStats(read: Read): MemoryStats {
  const raw = parseFlatKeyed(read("memory.stat"));
  const usage = memoryCounter(read, "memory");
  return {
    cache: unlessZero(raw.get("file")),
    usage,
    swap: swapWithMemory(memoryCounter(read, "memory.swap"), usage),
    kernel: NOTHING,
    kernelTCP: NOTHING,
    raw: raw.size === 0 ? undefined : sorted(raw),
    psi: parsePressure(read("memory.pressure")),
    events: memoryEvents(read),
  };
}

/** In the kernel's order, low to oom_group_kill. */
function memoryEvents(read: Read): MemoryEvents | undefined {
  const events = parseFlatKeyed(read("memory.events"));
  return events.size === 0 ? undefined : Object.fromEntries(events);
}

function memoryCounter(read: Read, name: string): MemoryCounter {
  const current = read(`${name}.current`);
  if (current === undefined) return NOTHING;
  return {
    limit: parseCounter(read(`${name}.max`)),
    usage: unlessZero(parseCounter(current)),
    max: unlessZero(parseCounter(read(`${name}.peak`))),
    failcnt: 0n,
  };
}

/** v1 counts memory and swap together, v2 swap alone; the peaks of both cannot be added. */
function swapWithMemory(swap: MemoryCounter, memory: MemoryCounter): MemoryCounter {
  return {
    limit: swap.limit === UINT64_MAX ? UINT64_MAX : BigInt.asUintN(64, swap.limit + memory.limit),
    usage: unlessZero((swap.usage ?? 0n) + (memory.usage ?? 0n)),
    max: undefined,
    failcnt: 0n,
  };
}

/** If the controller is not enabled, this counts the processes itself. */
function pidsStats(read: Read): PidsStats {
  const current = read("pids.current");
  if (current === undefined) {
    const lines = (read("cgroup.procs") ?? read("cgroup.threads") ?? "").split("\n").length - 1;
    return { current: unlessZero(BigInt(lines)), limit: undefined };
  }
  const limit = parseCounter(read("pids.max"));
  return {
    current: unlessZero(parseCounter(current)),
    limit: limit === UINT64_MAX ? undefined : unlessZero(limit),
  };
}

type IoTable = "ioServiceBytesRecursive" | "ioServicedRecursive";

/** The members of io.stat for which v1 has a table. */
const IO_TABLES: Readonly<Record<string, { readonly op: string; readonly table: IoTable }>> = {
  rbytes: { op: "Read", table: "ioServiceBytesRecursive" },
  wbytes: { op: "Write", table: "ioServiceBytesRecursive" },
  rios: { op: "Read", table: "ioServicedRecursive" },
  wios: { op: "Write", table: "ioServicedRecursive" },
};

/** `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0` */
function ioStats(read: Read): BlkioStats {
  const tables: Record<IoTable, BlkioEntry[]> = { ioServiceBytesRecursive: [], ioServicedRecursive: [] };
  for (const line of (read("io.stat") ?? "").split("\n")) {
    const [device = "", ...pairs] = line.split(" ");
    const [major = "", minor] = device.split(":");
    if (minor === undefined) continue;
    for (const pair of pairs) {
      const [key = "", value] = pair.split("=");
      const place = IO_TABLES[key];
      if (place === undefined) continue;
      tables[place.table].push({
        major: unlessZero(parseCounter(major)),
        minor: unlessZero(parseCounter(minor)),
        op: place.op,
        value: unlessZero(parseCounter(value)),
      });
    }
  }
  return {
    ioServiceBytesRecursive: unlessEmpty(tables.ioServiceBytesRecursive),
    ioServicedRecursive: unlessEmpty(tables.ioServicedRecursive),
    ioQueueRecursive: undefined,
    ioServiceTimeRecursive: undefined,
    ioWaitTimeRecursive: undefined,
    ioMergedRecursive: undefined,
    ioTimeRecursive: undefined,
    sectorsRecursive: undefined,
    psi: parsePressure(read("io.pressure")),
  };
}

function unlessEmpty(entries: readonly BlkioEntry[]): readonly BlkioEntry[] | undefined {
  return entries.length === 0 ? undefined : entries;
}

function hugetlbStats(read: Read, size: string): HugetlbStats {
  const reserved = read(`hugetlb.${size}.rsvd.current`);
  return {
    usage: unlessZero(parseCounter(reserved ?? read(`hugetlb.${size}.current`))),
    max: undefined,
    failcnt: parseFlatKeyed(read(`hugetlb.${size}.events`)).get("max") ?? 0n,
  };
}
