// Every member of the statistics comes from the right file: all files have different numbers.

import t from "tap";
import {
  parseHugepageSizes,
  parseNumberList,
  parseNumbers,
  sorted,
} from "../../../src/cgroups/stats/parse.ts";
import { statsV1 } from "../../../src/cgroups/stats/v1.ts";
import { statsV2 } from "../../../src/cgroups/stats/v2.ts";

const MAX = 2n ** 64n - 1n;

/** The controller that a file is asked of is part of its name here. */
function from(files: Readonly<Record<string, string>>, hugepageSizes: readonly string[] = []) {
  return {
    read: (controller: string, file: string) => files[controller === "" ? file : `${controller}/${file}`],
    hugepageSizes,
  };
}

function counters(prefix: string, first: number): Record<string, string> {
  const names = ["limit_in_bytes", "usage_in_bytes", "max_usage_in_bytes", "failcnt"];
  return Object.fromEntries(names.map((name, index) => [`${prefix}.${name}`, `${first + index}\n`]));
}

function counted(first: bigint) {
  return { limit: first, usage: first + 1n, max: first + 2n, failcnt: first + 3n };
}

const CPUSET = [
  "cpu_exclusive",
  "mem_hardwall",
  "mem_exclusive",
  "memory_migrate",
  "memory_spread_page",
  "memory_spread_slab",
  "memory_pressure",
  "sched_load_balance",
  "sched_relax_domain_level",
] as const;

const V1_FILES = {
  "cpuacct/cpuacct.stat": "user 3\nsystem 4\n",
  "cpuacct/cpuacct.usage": "11\n",
  "cpuacct/cpuacct.usage_percpu": "12 13 \n",
  "cpuacct/cpuacct.usage_all": "cpu user system\n0 14 15\n1 16 17\n",
  "cpu/cpu.stat": "nr_periods 18\nnr_throttled 19\nthrottled_time 20\n",
  "cpuset/cpuset.cpus": "0-2,7\n",
  "cpuset/cpuset.mems": "1\n",
  ...Object.fromEntries(CPUSET.map((name, index) => [`cpuset/cpuset.${name}`, `${index + 21}\n`])),
  "memory/memory.stat": "cache 30\nactive_anon 31\n",
  ...counters("memory/memory", 40),
  ...counters("memory/memory.memsw", 50),
  ...counters("memory/memory.kmem", 60),
  ...counters("memory/memory.kmem.tcp", 70),
  "pids/pids.current": "80\n",
  "pids/pids.max": "81\n",
  ...counters("hugetlb/hugetlb.1GB", 90),
  ...counters("hugetlb/hugetlb.2MB", 95),
  ...counters("hugetlb/hugetlb.2MB.rsvd", 100),
};

t.test("v1: everything but blkio", (test) => {
  const stats = statsV1(from(V1_FILES, ["2MB", "1GB", "64KB"]));
  test.strictSame(stats, {
    cpu: {
      usage: {
        total: 11n,
        percpu: [12n, 13n],
        percpu_kernel: [15n, 17n],
        percpu_user: [14n, 16n],
        kernel: 40_000_000n,
        user: 30_000_000n,
      },
      throttling: { periods: 18n, throttledPeriods: 19n, throttledTime: 20n },
      psi: undefined,
    },
    cpuset: {
      cpus: [0, 1, 2, 7],
      mems: [1],
      ...Object.fromEntries(CPUSET.map((name, index) => [name, BigInt(index + 21)])),
    },
    memory: {
      cache: 30n,
      usage: counted(40n),
      swap: counted(50n),
      kernel: counted(60n),
      kernelTCP: counted(70n),
      raw: { active_anon: 31n, cache: 30n },
      psi: undefined,
      events: undefined,
    },
    pids: { current: 80n, limit: 81n },
    blkio: {
      ioServiceBytesRecursive: undefined,
      ioServicedRecursive: undefined,
      ioQueueRecursive: undefined,
      ioServiceTimeRecursive: undefined,
      ioWaitTimeRecursive: undefined,
      ioMergedRecursive: undefined,
      ioTimeRecursive: undefined,
      sectorsRecursive: undefined,
      psi: undefined,
    },
    hugetlb: {
      "1GB": { usage: 91n, max: 92n, failcnt: 93n },
      "2MB": { usage: 101n, max: 102n, failcnt: 103n },
    },
    intel_rdt: {},
    network_interfaces: null,
  });
  test.end();
});

t.test("v1: cpuset files without their prefix, where the hierarchy is mounted so", (test) => {
  const { cpuset } = statsV1(from({ "cpuset/cpus": "3\n", "cpuset/memory_pressure": "5\n" }));
  test.strictSame(cpuset.cpus, [3]);
  test.equal(cpuset.memory_pressure, 5n);
  test.end();
});

const TABLES: Readonly<Record<string, string>> = {
  sectors_recursive: "sectorsRecursive",
  io_service_time_recursive: "ioServiceTimeRecursive",
  io_wait_time_recursive: "ioWaitTimeRecursive",
  io_merged_recursive: "ioMergedRecursive",
  io_queued_recursive: "ioQueueRecursive",
  time_recursive: "ioTimeRecursive",
  io_serviced_recursive: "ioServicedRecursive",
  io_service_bytes_recursive: "ioServiceBytesRecursive",
};

/** A file of each name, with its place in the list as the number. */
function blkioFiles(prefix: string, names: readonly string[], first: number): Record<string, string> {
  return Object.fromEntries(
    names.map((name, index) => [`blkio/blkio.${prefix}${name}`, `8:16 Read ${first + index}\nTotal 999\n`]),
  );
}

function blkioTables(names: readonly string[], first: number): Record<string, unknown> {
  const entry = (index: number) => [{ major: 8n, minor: 16n, op: "Read", value: BigInt(first + index) }];
  const nothing = Object.fromEntries(Object.values(TABLES).map((table) => [table, undefined]));
  return {
    ...nothing,
    psi: undefined,
    ...Object.fromEntries(
      names.map((name, index) => [TABLES[`${name.replace("_recursive", "")}_recursive`], entry(index)]),
    ),
  };
}

t.test("v1: blkio is told by the first scheduler that counts: BFQ, CFQ, then what throttles", (test) => {
  const all = Object.keys(TABLES);
  const served = ["io_serviced_recursive", "io_service_bytes_recursive"];
  const own = ["io_serviced", "io_service_bytes"];
  const groups = [
    { prefix: "bfq.", names: all },
    { prefix: "bfq.", names: served },
    { prefix: "", names: all },
    { prefix: "throttle.", names: served },
    { prefix: "throttle.", names: own },
  ];
  groups.forEach((group, index) => {
    const later = groups.slice(index).reverse();
    const files = later.map(({ prefix, names }) => blkioFiles(prefix, names, 1 + 10 * index));
    const { blkio } = statsV1(from(Object.assign({}, ...files)));
    test.strictSame(blkio, blkioTables(group.names, 1 + 10 * index), `${group.prefix}${group.names[0]}`);
  });
  test.end();
});

t.test("v1: a line without an operation, and device 0:0", (test) => {
  const { blkio } = statsV1(from({ "blkio/blkio.sectors_recursive": "0:0 5\nTotal 5\n" }));
  test.strictSame(blkio.sectorsRecursive, [{ major: undefined, minor: undefined, op: undefined, value: 5n }]);
  test.end();
});

function pressure(first: number): string {
  const line = (kind: string, from: number) =>
    `${kind} avg10=${from}.25 avg60=${from + 1}.25 avg300=${from + 2}.25 total=${from + 3}\n`;
  return line("some", first) + line("full", first + 4);
}

function pressed(first: number) {
  const line = (from: number) => ({
    avg10: from + 0.25,
    avg60: from + 1.25,
    avg300: from + 2.25,
    total: BigInt(from + 3),
  });
  return { some: line(first), full: line(first + 4) };
}

const V2_FILES = {
  "cpu.stat": "usage_usec 1\nuser_usec 2\nsystem_usec 3\nnr_periods 4\nnr_throttled 5\nthrottled_usec 6\n",
  "cpu.pressure": pressure(10),
  "memory.stat": "file 20\nanon 21\n",
  "memory.current": "22\n",
  "memory.max": "23\n",
  "memory.peak": "24\n",
  "memory.swap.current": "25\n",
  "memory.swap.max": "26\n",
  "memory.pressure": pressure(30),
  "memory.events": "low 31\nhigh 32\nmax 33\noom 34\noom_kill 35\noom_group_kill 36\n",
  "pids.current": "40\n",
  "pids.max": "max\n",
  "io.stat": "8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n0:0 rbytes=7\n\n",
  "io.pressure": pressure(50),
  "hugetlb.2MB.current": "60\n",
  "hugetlb.2MB.rsvd.current": "61\n",
  "hugetlb.2MB.events": "max 62\n",
  "hugetlb.1GB.current": "63\n",
};

t.test("v2: everything", (test) => {
  const stats = statsV2(from(V2_FILES, ["2MB", "1GB", "64KB"]));
  const entry = (op: string, value: bigint) => ({ major: 8n, minor: 16n, op, value });
  test.strictSame(stats, {
    cpu: {
      usage: {
        total: 1000n,
        percpu: undefined,
        percpu_kernel: undefined,
        percpu_user: undefined,
        kernel: 3000n,
        user: 2000n,
      },
      throttling: { periods: 4n, throttledPeriods: 5n, throttledTime: 6000n },
      psi: pressed(10),
    },
    cpuset: {
      cpus: undefined,
      mems: undefined,
      ...Object.fromEntries(CPUSET.map((name) => [name, 0n])),
    },
    memory: {
      cache: 20n,
      usage: { limit: 23n, usage: 22n, max: 24n, failcnt: 0n },
      swap: { limit: 49n, usage: 47n, max: undefined, failcnt: 0n },
      kernel: { limit: 0n, usage: undefined, max: undefined, failcnt: 0n },
      kernelTCP: { limit: 0n, usage: undefined, max: undefined, failcnt: 0n },
      raw: { anon: 21n, file: 20n },
      psi: pressed(30),
      events: { low: 31n, high: 32n, max: 33n, oom: 34n, oom_kill: 35n, oom_group_kill: 36n },
    },
    pids: { current: 40n, limit: undefined },
    blkio: {
      ioServiceBytesRecursive: [
        entry("Read", 1n),
        entry("Write", 2n),
        { major: undefined, minor: undefined, op: "Read", value: 7n },
      ],
      ioServicedRecursive: [entry("Read", 3n), entry("Write", 4n)],
      ioQueueRecursive: undefined,
      ioServiceTimeRecursive: undefined,
      ioWaitTimeRecursive: undefined,
      ioMergedRecursive: undefined,
      ioTimeRecursive: undefined,
      sectorsRecursive: undefined,
      psi: pressed(50),
    },
    hugetlb: {
      "1GB": { usage: 63n, max: undefined, failcnt: 0n },
      "2MB": { usage: 61n, max: undefined, failcnt: 62n },
    },
    intel_rdt: {},
    network_interfaces: null,
  });
  test.end();
});

t.test("v2: without the pids controller processes are counted, or else threads", (test) => {
  const pids = (files: Readonly<Record<string, string>>) => statsV2(from(files)).pids;
  test.strictSame(pids({ "cgroup.procs": "5\n6\n7\n" }), { current: 3n, limit: undefined });
  test.strictSame(pids({ "cgroup.threads": "5\n6\n" }), { current: 2n, limit: undefined });
  test.strictSame(pids({ "cgroup.procs": "" }), { current: undefined, limit: undefined });
  test.end();
});

t.test("v2: memory and swap without a limit have none together", (test) => {
  const files = { "memory.current": "1\n", "memory.max": "max\n", "memory.swap.current": "0\n" };
  test.equal(statsV2(from({ ...files, "memory.swap.max": "max\n" })).memory.swap.limit, MAX);
  // AS RUNC: the sum wraps.
  test.equal(statsV2(from({ ...files, "memory.swap.max": "5\n" })).memory.swap.limit, 4n);
  test.end();
});

t.test("pressure: what is not said is zero, an empty file none at all", (test) => {
  const psi = (text: string) => statsV2(from({ "cpu.pressure": text })).cpu.psi;
  const nothing = { avg10: 0, avg60: 0, avg300: 0, total: 0n };
  test.strictSame(psi("some avg10=2.50 total=7\n"), {
    some: { ...nothing, avg10: 2.5, total: 7n },
    full: nothing,
  });
  test.strictSame(psi("full avg60=1.00 avg300=3.00\nother avg10=9.00\n"), {
    some: nothing,
    full: { ...nothing, avg60: 1, avg300: 3 },
  });
  test.equal(psi(""), undefined);
  test.end();
});

t.test("lists of numbers, sizes of pages, names in order", (test) => {
  test.strictSame(parseNumberList("0-2,7,9-9\n"), [0, 1, 2, 7, 9]);
  test.strictSame(parseNumberList(undefined), undefined);
  test.strictSame(parseNumbers(" 1  2\n"), [1n, 2n]);
  test.strictSame(parseNumbers("\n"), undefined);
  const sizes = [1023, 1024, 1048575, 1048576, 16777216].map((kib) => `hugepages-${kib}kB`);
  test.strictSame(parseHugepageSizes([...sizes, "hugepages-0kB", "xhugepages-4kB", "hugepages-4kBx"]), [
    "1023KB",
    "1MB",
    "1023MB",
    "1GB",
    "16GB",
  ]);
  test.strictSame(
    Object.keys(
      sorted([
        ["b", 1],
        ["c", 2],
        ["a", 3],
      ]),
    ),
    ["a", "b", "c"],
  );
  test.end();
});
