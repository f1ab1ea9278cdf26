// Statistics of v1 controllers (Documentation/admin-guide/cgroup-v1/), as runc's fs package gathers them.
// Pure: the caller passes a function that reads the files.

import {
  parseCounter,
  parseFlatKeyed,
  parseNumberList,
  parseNumbers,
  parseSigned,
  sorted,
  UINT64_MAX,
  unlessZero,
} from "./parse.ts";
import type {
  BlkioEntry,
  BlkioStats,
  CpuStats,
  CpusetStats,
  HugetlbStats,
  MemoryCounter,
  MemoryStats,
  ReadCgroupFile,
  Stats,
  StatsSource,
} from "./stats.ts";

/** cpuacct.stat counts clock ticks; the kernel shows user space 100 of them a second (USER_HZ). */
const NANOSECONDS_PER_TICK = 10_000_000n;

export function statsV1({ read, hugepageSizes }: StatsSource): Stats {
  const limit = parseCounter(read("pids", "pids.max"));
  const sizes = hugepageSizes.filter(
    (size) => read("hugetlb", `hugetlb.${size}.usage_in_bytes`) !== undefined,
  );
  return {
    cpu: cpuStats(read),
    cpuset: cpusetStats(read),
    memory: memoryStats(read),
    pids: {
      current: unlessZero(parseCounter(read("pids", "pids.current"))),
      limit: limit === UINT64_MAX ? undefined : unlessZero(limit),
    },
    blkio: blkioStats(read),
    hugetlb: sorted(sizes.map((size) => [size, hugetlbStats(read, size)] as const)),
    intel_rdt: {},
    network_interfaces: null,
  };
}

function cpuStats(read: ReadCgroupFile): CpuStats {
  const ticks = parseFlatKeyed(read("cpuacct", "cpuacct.stat"));
  const throttling = parseFlatKeyed(read("cpu", "cpu.stat"));
  const modes = percpuModes(read("cpuacct", "cpuacct.usage_all"));
  return {
    usage: {
      total: unlessZero(parseCounter(read("cpuacct", "cpuacct.usage"))),
      percpu: parseNumbers(read("cpuacct", "cpuacct.usage_percpu")),
      percpu_kernel: modes.kernel,
      percpu_user: modes.user,
      kernel: (ticks.get("system") ?? 0n) * NANOSECONDS_PER_TICK,
      user: (ticks.get("user") ?? 0n) * NANOSECONDS_PER_TICK,
    },
    throttling: {
      periods: unlessZero(throttling.get("nr_periods")),
      throttledPeriods: unlessZero(throttling.get("nr_throttled")),
      throttledTime: unlessZero(throttling.get("throttled_time")),
    },
    psi: undefined,
  };
}

/** A heading, then a line `cpu user system` for each processor. */
function percpuModes(text = ""): { kernel: bigint[] | undefined; user: bigint[] | undefined } {
  const rows = text
    .split("\n")
    .slice(1)
    .map((line) => line.split(" "))
    .filter((fields) => fields.length === 3);
  if (rows.length === 0) return { kernel: undefined, user: undefined };
  return {
    kernel: rows.map(([, , kernel]) => parseCounter(kernel)),
    user: rows.map(([, user]) => parseCounter(user)),
  };
}

function cpusetStats(read: ReadCgroupFile): CpusetStats {
  const file = (name: string): string | undefined => read("cpuset", `cpuset.${name}`) ?? read("cpuset", name);
  const counter = (name: string): bigint => parseCounter(file(name));
  return {
    cpus: parseNumberList(file("cpus")),
    cpu_exclusive: counter("cpu_exclusive"),
    mems: parseNumberList(file("mems")),
    mem_hardwall: counter("mem_hardwall"),
    mem_exclusive: counter("mem_exclusive"),
    memory_migrate: counter("memory_migrate"),
    memory_spread_page: counter("memory_spread_page"),
    memory_spread_slab: counter("memory_spread_slab"),
    memory_pressure: counter("memory_pressure"),
    sched_load_balance: counter("sched_load_balance"),
    sched_relax_domain_level: parseSigned(file("sched_relax_domain_level")),
  };
}

function memoryStats(read: ReadCgroupFile): MemoryStats {
  const raw = parseFlatKeyed(read("memory", "memory.stat"));
  return {
    cache: unlessZero(raw.get("cache")),
    usage: memoryCounter(read, "memory"),
    swap: memoryCounter(read, "memory.memsw"),
    kernel: memoryCounter(read, "memory.kmem"),
    kernelTCP: memoryCounter(read, "memory.kmem.tcp"),
    raw: raw.size === 0 ? undefined : sorted(raw),
    psi: undefined,
    events: undefined,
  };
}

function memoryCounter(read: ReadCgroupFile, name: string): MemoryCounter {
  const counter = (what: string): bigint => parseCounter(read("memory", `${name}.${what}`));
  return {
    limit: counter("limit_in_bytes"),
    usage: unlessZero(counter("usage_in_bytes")),
    max: unlessZero(counter("max_usage_in_bytes")),
    failcnt: counter("failcnt"),
  };
}

type BlkioTable = Exclude<keyof BlkioStats, "psi">;

/** Which file fills which table. A group is used if the kernel has its first file. */
const BLKIO_GROUPS: readonly (readonly (readonly [string, BlkioTable])[])[] = [
  schedulerFiles("blkio.bfq."),
  [
    ["blkio.bfq.io_serviced_recursive", "ioServicedRecursive"],
    ["blkio.bfq.io_service_bytes_recursive", "ioServiceBytesRecursive"],
  ],
  schedulerFiles("blkio."),
  [
    ["blkio.throttle.io_serviced_recursive", "ioServicedRecursive"],
    ["blkio.throttle.io_service_bytes_recursive", "ioServiceBytesRecursive"],
  ],
  [
    ["blkio.throttle.io_serviced", "ioServicedRecursive"],
    ["blkio.throttle.io_service_bytes", "ioServiceBytesRecursive"],
  ],
];

/** The counters of the schedulers BFQ (with debugging) and, up to Linux 4.20, CFQ. */
function schedulerFiles(prefix: string): readonly (readonly [string, BlkioTable])[] {
  return [
    [`${prefix}sectors_recursive`, "sectorsRecursive"],
    [`${prefix}io_service_time_recursive`, "ioServiceTimeRecursive"],
    [`${prefix}io_wait_time_recursive`, "ioWaitTimeRecursive"],
    [`${prefix}io_merged_recursive`, "ioMergedRecursive"],
    [`${prefix}io_queued_recursive`, "ioQueueRecursive"],
    [`${prefix}time_recursive`, "ioTimeRecursive"],
    [`${prefix}io_serviced_recursive`, "ioServicedRecursive"],
    [`${prefix}io_service_bytes_recursive`, "ioServiceBytesRecursive"],
  ];
}

/** The first group that the kernel has and that is not empty. */
function blkioStats(read: ReadCgroupFile): BlkioStats {
  const tables: Partial<Record<BlkioTable, BlkioEntry[]>> = {};
  for (const group of BLKIO_GROUPS) {
    const [first = ""] = group[0] ?? [];
    if (blkioEntries(read("blkio", first)) === undefined) continue;
    for (const [file, table] of group) {
      const entries = blkioEntries(read("blkio", file));
      if (entries !== undefined) tables[table] = entries;
    }
    break;
  }
  return {
    ioServiceBytesRecursive: tables.ioServiceBytesRecursive,
    ioServicedRecursive: tables.ioServicedRecursive,
    ioQueueRecursive: tables.ioQueueRecursive,
    ioServiceTimeRecursive: tables.ioServiceTimeRecursive,
    ioWaitTimeRecursive: tables.ioWaitTimeRecursive,
    ioMergedRecursive: tables.ioMergedRecursive,
    ioTimeRecursive: tables.ioTimeRecursive,
    sectorsRecursive: tables.sectorsRecursive,
    psi: undefined,
  };
}

/** Lines `8:0 Read 1282048` or `8:0 6792`, ended by a line `Total`. */
function blkioEntries(text = ""): BlkioEntry[] | undefined {
  const entries: BlkioEntry[] = [];
  for (const line of text.split("\n")) {
    const [major = "", minor = "", ...rest] = line.split(/[ :]/);
    const value = rest.at(-1);
    if (value === undefined || !/^\d+$/.test(major)) continue;
    entries.push({
      major: unlessZero(BigInt(major)),
      minor: unlessZero(parseCounter(minor)),
      op: rest.length > 1 ? rest[0] : undefined,
      value: unlessZero(parseCounter(value)),
    });
  }
  return entries.length === 0 ? undefined : entries;
}

/** Counts reservations, if the kernel has that counter (Linux 5.7). */
function hugetlbStats(read: ReadCgroupFile, size: string): HugetlbStats {
  const reserved = read("hugetlb", `hugetlb.${size}.rsvd.usage_in_bytes`) !== undefined;
  const counter = (name: string): bigint =>
    parseCounter(read("hugetlb", `hugetlb.${size}.${reserved ? "rsvd." : ""}${name}`));
  return {
    usage: unlessZero(counter("usage_in_bytes")),
    max: unlessZero(counter("max_usage_in_bytes")),
    failcnt: counter("failcnt"),
  };
}
