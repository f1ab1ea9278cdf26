// The statistics that `events` prints, in the form and order of runc's types/events.go, since monitoring
// tools parse it. Counters are bigints: the kernel's have 64 bits. Types only.

import type { RdtStats } from "../../rdt/stats.ts";

/** Absent if runc would leave out a zero. */
export type Optional = bigint | undefined;

export interface CpuStats {
  /** Nanoseconds. */
  readonly usage: {
    readonly total: Optional;
    readonly percpu: readonly bigint[] | undefined;
    readonly percpu_kernel: readonly bigint[] | undefined;
    readonly percpu_user: readonly bigint[] | undefined;
    readonly kernel: bigint;
    readonly user: bigint;
  };
  readonly throttling: {
    readonly periods: Optional;
    readonly throttledPeriods: Optional;
    readonly throttledTime: Optional;
  };
  readonly psi: Pressure | undefined;
}

export interface CpusetStats {
  readonly cpus: readonly number[] | undefined;
  readonly cpu_exclusive: bigint;
  readonly mems: readonly number[] | undefined;
  readonly mem_hardwall: bigint;
  readonly mem_exclusive: bigint;
  readonly memory_migrate: bigint;
  readonly memory_spread_page: bigint;
  readonly memory_spread_slab: bigint;
  readonly memory_pressure: bigint;
  readonly sched_load_balance: bigint;
  readonly sched_relax_domain_level: bigint;
}

export interface MemoryCounter {
  readonly limit: bigint;
  readonly usage: Optional;
  readonly max: Optional;
  readonly failcnt: bigint;
}

export interface MemoryStats {
  readonly cache: Optional;
  readonly usage: MemoryCounter;
  /** Memory and swap together, on v2 as well. */
  readonly swap: MemoryCounter;
  readonly kernel: MemoryCounter;
  readonly kernelTCP: MemoryCounter;
  /** memory.stat, by name. */
  readonly raw: Readonly<Record<string, bigint>> | undefined;
  readonly psi: Pressure | undefined;
  /** How often a limit was reached, on v2; runc does not report it. */
  readonly events: MemoryEvents | undefined;
}

/**
 * memory.events, by the kernel's names (cgroup-v2.rst, "Memory Interface Files"), which containerd's and the
 * kubelet's metrics use too. Counters that an older kernel does not have are absent.
 */
export type MemoryEvents = Readonly<Record<string, bigint>>;

/** `limit` is absent if there is none. */
export interface PidsStats {
  readonly current: Optional;
  readonly limit: Optional;
}

export interface BlkioEntry {
  readonly major: Optional;
  readonly minor: Optional;
  readonly op: string | undefined;
  readonly value: Optional;
}

type BlkioEntries = readonly BlkioEntry[] | undefined;

export interface BlkioStats {
  readonly ioServiceBytesRecursive: BlkioEntries;
  readonly ioServicedRecursive: BlkioEntries;
  readonly ioQueueRecursive: BlkioEntries;
  readonly ioServiceTimeRecursive: BlkioEntries;
  readonly ioWaitTimeRecursive: BlkioEntries;
  readonly ioMergedRecursive: BlkioEntries;
  readonly ioTimeRecursive: BlkioEntries;
  readonly sectorsRecursive: BlkioEntries;
  readonly psi: Pressure | undefined;
}

export interface HugetlbStats {
  readonly usage: Optional;
  readonly max: Optional;
  readonly failcnt: bigint;
}

/**
 * Pressure stall information (Documentation/accounting/psi.rst): percentages, and the total in microseconds.
 */
export interface PressureLine {
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  readonly total: bigint;
}

export interface Pressure {
  readonly some: PressureLine;
  readonly full: PressureLine;
}

export interface Stats {
  readonly cpu: CpuStats;
  readonly cpuset: CpusetStats;
  readonly memory: MemoryStats;
  readonly pids: PidsStats;
  readonly blkio: BlkioStats;
  readonly hugetlb: Readonly<Record<string, HugetlbStats>>;
  /** Added by the caller, from the container's resctrl group. */
  readonly intel_rdt: RdtStats;
  readonly network_interfaces: null;
}

/** The text of a file of one controller's cgroup; `undefined` if there is none. */
export type ReadCgroupFile = (controller: string, file: string) => string | undefined;

export interface StatsSource {
  readonly read: ReadCgroupFile;
  /** Names as in hugetlb files: `2MB`. */
  readonly hugepageSizes: readonly string[];
}
