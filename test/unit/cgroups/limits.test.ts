// The writes for each limit of the specification, on v1 and on v2.

import t from "tap";
import { blkioToIoWeight } from "../../../src/cgroups/controllers/blkio.ts";
import { cpuMax, sharesToWeight } from "../../../src/cgroups/controllers/cpu.ts";
import { assertAboveUsage, swapWithoutMemory } from "../../../src/cgroups/controllers/memory.ts";
import { explainUnified } from "../../../src/cgroups/controllers/unified.ts";
import { planLimitsV1, planLimitsV2 } from "../../../src/cgroups/limits.ts";
import { type ControllerWrites, decimal } from "../../../src/cgroups/writes.ts";
import type { Resources } from "../../../src/spec/types.ts";

/** `memory.max = 4096`, followed by `?` if a refusal is harmless. */
function show(plan: readonly ControllerWrites[]): string[] {
  return plan.flatMap(({ writes }) =>
    writes.map(({ file, value, mayPostpone, tolerate, otherwise }) => {
      const marks = (mayPostpone === true ? " again" : "") + (tolerate === undefined ? "" : ` ?${tolerate}`);
      const instead =
        otherwise === undefined || otherwise.file === file.replace("cpuset.", "")
          ? ""
          : ` or ${otherwise.file} = ${otherwise.value}`;
      return `${file} = ${value}${marks}${instead}`;
    }),
  );
}

/** A number as it comes out of a configuration. */
function parsed(json: string): number {
  return Number(JSON.parse(json));
}

const v1 = (resources: Resources): string[] => show(planLimitsV1(resources));
const v2 = (resources: Resources): string[] => show(planLimitsV2(resources));

t.test("nothing asked, nothing written", async (t) => {
  t.same(v1({}), []);
  t.same(v2({}), []);
  const empty = { memory: {}, cpu: {}, pids: {}, blockIO: {}, network: {}, rdma: {}, hugepageLimits: [] };
  t.same(v1(empty), []);
  t.same(v2({ ...empty, unified: {} }), []);
  t.same(v1({ memory: { disableOOMKiller: false, limit: 0 }, cpu: { shares: 0 } }), []);
});

t.test("v1 memory: the limit is tried before memory+swap and again after it", async (t) => {
  t.same(v1({ memory: { limit: 4096, swap: 8192 } }), [
    "memory.limit_in_bytes = 4096 again",
    "memory.memsw.limit_in_bytes = 8192",
  ]);
  t.same(v1({ memory: { limit: -1 } }), [
    "memory.memsw.limit_in_bytes = -1 ?ENOENT",
    "memory.limit_in_bytes = -1",
  ]);
  t.same(v1({ memory: { limit: 4096 } }), ["memory.limit_in_bytes = 4096"]);
  t.same(v1({ memory: { swap: -1 } }), ["memory.memsw.limit_in_bytes = -1"]);
});

t.test("v1 memory: the other knobs", async (t) => {
  t.same(v1({ memory: { reservation: 1024, disableOOMKiller: true, swappiness: 0 } }), [
    "memory.soft_limit_in_bytes = 1024",
    "memory.oom_control = 1",
    "memory.swappiness = 0",
  ]);
  t.same(v1({ memory: { swappiness: 18446744073709552000 } }), [], "Docker's -1 in an unsigned field");
  t.throws(() => v1({ memory: { swappiness: 101 } }), {
    message: "invalid memory swappiness value: 101 (valid range is 0-100)",
  });
  t.same(v1({ memory: { kernel: 1, kernelTCP: 1 } }), []);
});

t.test("v1 memory: the OOM killer is switched on again by an update alone", async (t) => {
  const update = (disableOOMKiller: boolean) =>
    show(planLimitsV1({ memory: { disableOOMKiller } }, { isUpdate: true }));
  t.same(update(false), ["memory.oom_control = 0"]);
  t.same(update(true), ["memory.oom_control = 1"]);
  t.same(v1({ memory: { disableOOMKiller: false } }), []);
});

t.test("v2 memory: swap comes without the memory in it", async (t) => {
  const cases: readonly (readonly [number, number, number | undefined])[] = [
    [0, 0, undefined],
    [0, 4096, undefined],
    [0, -1, -1],
    [-1, 4096, -1],
    [8192, 4096, 4096],
    [4096, 4096, 0],
    [8192, -1, 8192],
    [-1, -1, -1],
  ];
  for (const [swap, memory, expected] of cases) {
    t.equal(swapWithoutMemory(swap, memory), expected, `${swap} of ${memory}`);
  }
  t.throws(() => swapWithoutMemory(1, 0), { message: "unable to set swap limit without memory limit" });
  t.throws(() => swapWithoutMemory(1, -2), { message: "invalid memory value: -2" });
  t.throws(() => swapWithoutMemory(1, 2), { message: "memory+swap limit should be >= memory limit" });
});

t.test("v2 memory: files and their words", async (t) => {
  t.same(v2({ memory: { limit: 4096, swap: 4096, reservation: -1 } }), [
    "memory.swap.max = 0 ?ENOENT",
    "memory.max = 4096",
    "memory.low = max",
  ]);
  t.same(v2({ memory: { limit: 4096, swap: 6144 } }), ["memory.swap.max = 2048", "memory.max = 4096"]);
  t.same(v2({ memory: { limit: -1 } }), ["memory.swap.max = max ?ENOENT", "memory.max = max"]);
});

t.test("limits that are exceeded already are refused when the configuration wants to know", async (t) => {
  t.throws(() => assertAboveUsage({ limit: 100 }, 100), {
    message: "rejecting memory limit 100 <= usage 100",
  });
  t.throws(() => assertAboveUsage({ limit: 200, swap: 50 }, 100), {
    message: "rejecting memory+swap limit 50 <= usage 100",
  });
  t.doesNotThrow(() => assertAboveUsage({ limit: -1, swap: -1 }, 100));
});

t.test("shares become a weight: the ends, Docker's default, and what lies between", async (t) => {
  const cases: readonly (readonly [number, number])[] = [
    [0, 0],
    [1, 1],
    [2, 1],
    [3, 2],
    [100, 17],
    [256, 35],
    [512, 59],
    [1000, 99],
    [1024, 100],
    [2048, 174],
    [10240, 639],
    [262143, 10000],
    [262144, 10000],
    [1e9, 10000],
  ];
  for (const [shares, weight] of cases) t.equal(sharesToWeight(shares), weight, `${shares} shares`);
});

t.test("v1 cpu: period and burst may have to wait for the quota", async (t) => {
  t.same(v1({ cpu: { shares: 512, period: 100000, burst: 1000, quota: 50000, idle: 0 } }), [
    "cpu.idle = 0",
    "cpu.shares = 512",
    "cpu.cfs_period_us = 100000 again",
    "cpu.cfs_burst_us = 1000 again",
    "cpu.cfs_quota_us = 50000",
  ]);
  t.same(v1({ cpu: { burst: 0 } }), ["cpu.cfs_burst_us = 0 ?ENOENT"], "none is what every kernel gives");
  t.same(v1({ cpu: { period: 5000, quota: -1 } }), [
    "cpu.cfs_period_us = 5000 again",
    "cpu.cfs_quota_us = -1",
  ]);
  t.same(v1({ cpu: { period: 5000 } }), ["cpu.cfs_period_us = 5000"]);
  t.same(v1({ cpu: { realtimePeriod: 1000000, realtimeRuntime: 950000 } }), [
    "cpu.rt_period_us = 1000000 again",
    "cpu.rt_runtime_us = 950000",
  ]);
  t.equal(planLimitsV1({ cpu: { shares: 5 } })[0]?.writes[0]?.verifyAs, "cpu-shares");
});

t.test("an idle cgroup takes no shares", async (t) => {
  for (const plan of [v1, v2]) t.same(plan({ cpu: { shares: 512, idle: 1 } }), ["cpu.idle = 1"]);
});

t.test("v2 cpu", async (t) => {
  t.same(v2({ cpu: { shares: 1024, quota: 50000, period: 200000, burst: 10, idle: 0 } }), [
    "cpu.idle = 0",
    "cpu.weight = 100",
    "cpu.max.burst = 10 again",
    "cpu.max = 50000 200000",
  ]);
  t.same(v2({ cpu: { burst: 0 } }), ["cpu.max.burst = 0 ?ENOENT"]);
  t.equal(cpuMax(-1, 0), "max 100000");
  t.equal(cpuMax(0, 5000), "max 5000");
  t.equal(cpuMax(20000, 0), "20000 100000");
});

t.test("cpuset and pids are the same on both", async (t) => {
  for (const plan of [v1, v2]) {
    t.same(plan({ cpu: { cpus: "0-1", mems: "" } }), ["cpuset.cpus = 0-1"]);
    t.same(plan({ pids: { limit: 7 } }), ["pids.max = 7"]);
    t.same(plan({ pids: { limit: -1 } }), ["pids.max = max"]);
    t.same(plan({ pids: { limit: 0 } }), ["pids.max = 1"]);
    t.same(plan({ pids: {} }), []);
  }
});

const IO: Resources = {
  blockIO: {
    weight: 500,
    leafWeight: 300,
    weightDevice: [{ major: 8, minor: 0, weight: 100, leafWeight: 50 }],
    throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1048576 }],
    throttleWriteBpsDevice: [{ major: 8, minor: 0, rate: parsed("18446744073709551615") }],
    throttleReadIOPSDevice: [{ major: 8, minor: 16, rate: 10 }],
    throttleWriteIOPSDevice: [{ major: 8, minor: 16, rate: 0 }],
  },
};

t.test("v1 block devices", async (t) => {
  t.same(v1(IO), [
    "blkio.weight = 500 or blkio.bfq.weight = 500",
    "blkio.leaf_weight = 300",
    "blkio.weight_device = 8:0 100 or blkio.bfq.weight_device = 8:0 100",
    "blkio.leaf_weight_device = 8:0 50",
    "blkio.throttle.read_bps_device = 8:0 1048576",
    "blkio.throttle.write_bps_device = 8:0 18446744073709551615",
    "blkio.throttle.read_iops_device = 8:16 10",
    "blkio.throttle.write_iops_device = 8:16 0",
  ]);
});

t.test("v2 block devices: BFQ's own weight, else the kernel's on another scale", async (t) => {
  t.same(v2(IO), [
    "io.bfq.weight = 500 or io.weight = 4950",
    "io.bfq.weight = 8:0 100",
    "io.max = 8:0 rbps=1048576",
    "io.max = 8:0 wbps=18446744073709551615",
    "io.max = 8:16 riops=10",
    "io.max = 8:16 wiops=0",
  ]);
  const leafOnly = { weightDevice: [{ major: 8, minor: 0, leafWeight: 50 }] };
  t.same(v2({ blockIO: leafOnly }), [], "a device without a weight of its own");
  const scale: readonly (readonly [number, number])[] = [
    [0, 0],
    [10, 1],
    [100, 910],
    [750, 7475],
    [1000, 10000],
  ];
  for (const [weight, expected] of scale) t.equal(blkioToIoWeight(weight), expected);
});

t.test("huge pages are limited by use and by reservation", async (t) => {
  const resources: Resources = { hugepageLimits: [{ pageSize: "2MB", limit: 4194304 }] };
  t.same(v1(resources), [
    "hugetlb.2MB.limit_in_bytes = 4194304",
    "hugetlb.2MB.rsvd.limit_in_bytes = 4194304 ?ENOENT",
  ]);
  t.same(v2(resources), ["hugetlb.2MB.max = 4194304", "hugetlb.2MB.rsvd.max = 4194304 ?ENOENT"]);
});

t.test("rdma on both, network classes and priorities on v1 only", async (t) => {
  const resources: Resources = {
    network: { classID: 1048577, priorities: [{ name: "eth0", priority: 5 }] },
    rdma: { mlx5_0: { hcaHandles: 3, hcaObjects: 10000 }, mlx4_0: { hcaObjects: 7 } },
  };
  const rdma = ["rdma.max = mlx5_0 hca_handle=3 hca_object=10000", "rdma.max = mlx4_0 hca_object=7"];
  t.same(v1(resources), ["net_cls.classid = 1048577", "net_prio.ifpriomap = eth0 5", ...rdma]);
  t.same(v2(resources), rdma);
});

t.test("unified resources are written as they are, line by line, and last", async (t) => {
  t.same(v2({ unified: { "memory.high": "1", "io.max": "8:0 rbps=1\n8:16 rbps=2\n" }, pids: { limit: 3 } }), [
    "pids.max = 3",
    "memory.high = 1",
    "io.max = 8:0 rbps=1",
    "io.max = 8:16 rbps=2",
  ]);
  t.throws(() => v2({ unified: { "../x": "1" } }), {
    message: 'unified resource "../x" must be a file name (no slashes)',
  });
  t.equal(
    explainUnified("hugetlb.2MB.max", ["cpu"]),
    'unified resource "hugetlb.2MB.max" can\'t be set: controller "hugetlb" not available',
  );
  t.equal(
    explainUnified("memory", ["memory"]),
    'unified resource "memory" must be in the form CONTROLLER.PARAMETER',
  );
  t.equal(explainUnified("cgroup.max.depth", []), undefined);
  t.equal(explainUnified("memory.nonsense", ["memory"]), undefined);
});

t.test("numbers beyond what a double holds stay what the kernel can read", async (t) => {
  t.equal(decimal(parsed("9223372036854771712")), "9223372036854771712");
  t.equal(decimal(parsed("9223372036854775807")), "9223372036854775807");
  t.equal(decimal(parsed("18446744073709551615"), "unsigned"), "18446744073709551615");
  t.equal(decimal(-1), "-1");
  t.equal(decimal(2 ** 60), "1152921504606846976");
});
