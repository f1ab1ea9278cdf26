// containerd's metrics (containerd/cgroups, cgroup1/stats and cgroup2/stats). Pure.

import type { Field, Message } from "../../protobuf/protobuf.ts";

/** Counters with these names, numbered in this order. */
function counters<const N extends readonly string[]>(
  names: N,
  first = 1,
): { [K in N[number]]: { readonly number: number; readonly type: "long" } } {
  const fields = names.map((name, index): [string, Field] => [name, { number: first + index, type: "long" }]);
  return Object.fromEntries(fields) as {
    [K in N[number]]: { readonly number: number; readonly type: "long" };
  };
}

/** Names in memory.stat of v1, then the same with `total_`. */
export const MEMORY_V1_NAMES = [
  ...["cache", "rss", "rss_huge", "mapped_file", "dirty", "writeback", "pgpgin", "pgpgout", "pgfault"],
  ...["pgmajfault", "inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable"],
  ...["hierarchical_memory_limit", "hierarchical_memsw_limit"],
  ...["total_cache", "total_rss", "total_rss_huge", "total_mapped_file", "total_dirty", "total_writeback"],
  ...["total_pgpgin", "total_pgpgout", "total_pgfault", "total_pgmajfault", "total_inactive_anon"],
  ...["total_active_anon", "total_inactive_file", "total_active_file", "total_unevictable"],
] as const;

const MEMORY_ENTRY = counters(["limit", "usage", "max", "failcnt"]);

const MEMORY_V1 = {
  ...counters(MEMORY_V1_NAMES),
  usage: { number: 33, type: MEMORY_ENTRY },
  swap: { number: 34, type: MEMORY_ENTRY },
  kernel: { number: 35, type: MEMORY_ENTRY },
  kernelTcp: { number: 36, type: MEMORY_ENTRY },
} as const satisfies Message;

const BLKIO_ENTRY = {
  op: { number: 1, type: "string" },
  device: { number: 2, type: "string" },
  ...counters(["major", "minor", "value"], 3),
} as const satisfies Message;

const blkioTable = <const N extends number>(number: N) =>
  ({ number, type: BLKIO_ENTRY, repeated: true }) as const;

export const METRICS_V1 = {
  hugetlb: {
    number: 1,
    type: { ...counters(["usage", "max", "failcnt"]), pagesize: { number: 4, type: "string" } },
    repeated: true,
  },
  pids: { number: 2, type: counters(["current", "limit"]) },
  cpu: {
    number: 3,
    type: {
      usage: {
        number: 1,
        type: {
          ...counters(["total", "kernel", "user"]),
          perCpu: { number: 4, type: "long", repeated: true, packed: true },
        },
      },
      throttling: { number: 2, type: counters(["periods", "throttledPeriods", "throttledTime"]) },
    },
  },
  memory: { number: 4, type: MEMORY_V1 },
  blkio: {
    number: 5,
    type: {
      ioServiceBytesRecursive: blkioTable(1),
      ioServicedRecursive: blkioTable(2),
      ioQueueRecursive: blkioTable(3),
      ioServiceTimeRecursive: blkioTable(4),
      ioWaitTimeRecursive: blkioTable(5),
      ioMergedRecursive: blkioTable(6),
      ioTimeRecursive: blkioTable(7),
      sectorsRecursive: blkioTable(8),
    },
  },
  memoryOomControl: { number: 9, type: counters(["oom_kill_disable", "under_oom", "oom_kill"]) },
} as const satisfies Message;

const PRESSURE_LINE = {
  avg10: { number: 1, type: "double" },
  avg60: { number: 2, type: "double" },
  avg300: { number: 3, type: "double" },
  total: { number: 4, type: "long" },
} as const satisfies Message;

const PRESSURE = {
  some: { number: 1, type: PRESSURE_LINE },
  full: { number: 2, type: PRESSURE_LINE },
} as const satisfies Message;

/** Names in memory.stat of v2. */
export const MEMORY_V2_NAMES = [
  ...["anon", "file", "kernel_stack", "slab", "sock", "shmem", "file_mapped", "file_dirty", "file_writeback"],
  ...["anon_thp", "inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable"],
  ...["slab_reclaimable", "slab_unreclaimable", "pgfault", "pgmajfault", "workingset_refault"],
  ...["workingset_activate", "workingset_nodereclaim", "pgrefill", "pgscan", "pgsteal", "pgactivate"],
  ...["pgdeactivate", "pglazyfree", "pglazyfreed", "thp_fault_alloc", "thp_collapse_alloc"],
] as const;

export const METRICS_V2 = {
  pids: { number: 1, type: counters(["current", "limit"]) },
  cpu: {
    number: 2,
    type: {
      ...counters(["usageUsec", "userUsec", "systemUsec", "nrPeriods", "nrThrottled", "throttledUsec"]),
      psi: { number: 7, type: PRESSURE },
    },
  },
  memory: {
    number: 4,
    type: {
      ...counters(MEMORY_V2_NAMES),
      ...counters(["usage", "usageLimit", "swapUsage", "swapLimit", "maxUsage", "swapMaxUsage"], 32),
      psi: { number: 38, type: PRESSURE },
    },
  },
  io: {
    number: 6,
    type: {
      usage: {
        number: 1,
        type: counters(["major", "minor", "rbytes", "wbytes", "rios", "wios"]),
        repeated: true,
      },
      psi: { number: 2, type: PRESSURE },
    },
  },
  hugetlb: {
    number: 7,
    type: { ...counters(["current", "max"]), pagesize: { number: 3, type: "string" } },
    repeated: true,
  },
  memoryEvents: { number: 8, type: counters(["low", "high", "max", "oom", "oom_kill"]) },
} as const satisfies Message;
