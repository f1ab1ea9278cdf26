// How update merges the current resources with the requested ones.

import t from "tap";
import { mergeResources, parseBytes } from "../../../src/cgroups/merge.ts";
import type { Resources } from "../../../src/spec/types.ts";

interface Case {
  readonly name: string;
  readonly current: Resources;
  readonly asked: Resources;
  readonly inForce: Resources;
  readonly change: Resources;
}

/** Every file of `unified` that another member of the configuration writes too. */
const NAMED = {
  "pids.max": "1",
  "memory.max": "2",
  "memory.low": "3",
  "memory.swap.max": "4",
  "cpu.weight": "5",
  "cpu.weight.nice": "5",
  "cpu.idle": "6",
  "cpu.max": "7",
  "cpu.max.burst": "8",
  "cpuset.cpus": "0",
  "cpuset.mems": "1",
  "io.weight": "9",
  "io.bfq.weight": "9",
};

function without(...files: readonly (keyof typeof NAMED)[]): Record<string, string> {
  return Object.fromEntries(Object.entries(NAMED).filter(([file]) => !files.some((one) => one === file)));
}

const REPLACING: readonly (readonly [Resources, ...(keyof typeof NAMED)[]])[] = [
  [{ pids: { limit: 9 } }, "pids.max"],
  [{ memory: { limit: 9 } }, "memory.max"],
  [{ memory: { limit: -1 } }, "memory.max", "memory.swap.max"],
  [{ memory: { swap: 9 } }, "memory.swap.max"],
  [{ memory: { reservation: 9 } }, "memory.low"],
  [{ cpu: { shares: 9 } }, "cpu.weight", "cpu.weight.nice"],
  [{ cpu: { idle: 0 } }, "cpu.weight", "cpu.weight.nice", "cpu.idle"],
  [{ blockIO: { weight: 9 } }, "io.weight", "io.bfq.weight"],
  [{ cpu: { quota: 9 } }, "cpu.max"],
  [{ cpu: { period: 9 } }, "cpu.max"],
  [{ cpu: { burst: 0 } }, "cpu.max.burst"],
  [{ cpu: { cpus: "1" } }, "cpuset.cpus"],
  [{ cpu: { mems: "0" } }, "cpuset.mems"],
  [{ pids: { limit: 0 } }, "pids.max"],
  [{ cpu: { shares: 0, cpus: "", mems: "" }, pids: {}, memory: { limit: 0 } }],
];

for (const [asked, ...files] of REPLACING) {
  t.test(`${JSON.stringify(asked)} counts for more than unified: ${files.join(", ")}`, (test) => {
    const { inForce } = mergeResources({ unified: NAMED }, asked);
    test.strictSame(inForce.unified, without(...files));
    test.end();
  });
}

const CASES: readonly Case[] = [
  {
    name: "a period keeps the quota",
    current: { cpu: { quota: 5000, period: 10000, shares: 7 } },
    asked: { cpu: { period: 20000 } },
    inForce: { cpu: { quota: 5000, period: 20000, shares: 7 } },
    change: { cpu: { quota: 5000, period: 20000 } },
  },
  {
    name: "a quota keeps the period",
    current: { cpu: { quota: 5000, period: 10000 } },
    asked: { cpu: { quota: -1 } },
    inForce: { cpu: { quota: -1, period: 10000 } },
    change: { cpu: { quota: -1, period: 10000 } },
  },
  {
    name: "a quota alone stays alone where no period was ever set",
    current: {},
    asked: { cpu: { quota: 5000 } },
    inForce: { cpu: { quota: 5000 } },
    change: { cpu: { quota: 5000 } },
  },
  {
    name: "unlimited memory takes the limit of swap away",
    current: { memory: { limit: 10, swap: 20, reservation: 5 } },
    asked: { memory: { limit: -1 } },
    inForce: { memory: { limit: -1, reservation: 5 } },
    change: { memory: { limit: -1 } },
  },
  {
    name: "memory is written with the swap that stays",
    current: { memory: { limit: 10, swap: 20 } },
    asked: { memory: { limit: 15 } },
    inForce: { memory: { limit: 15, swap: 20 } },
    change: { memory: { limit: 15, swap: 20 } },
  },
  {
    name: "zeroes mean nothing, as docker sends them",
    current: { memory: { limit: 10 }, cpu: { shares: 7, cpus: "0" }, pids: { limit: 3 } },
    asked: {
      memory: { limit: 0, swap: 0, reservation: 0 },
      cpu: { shares: 0, cpus: "" },
      pids: {},
    },
    inForce: { memory: { limit: 10 }, cpu: { shares: 7, cpus: "0" }, pids: { limit: 3 } },
    change: {
      memory: { limit: 0, swap: 0, reservation: 0 },
      cpu: { shares: 0, cpus: "" },
      pids: {},
    },
  },
  {
    name: "checkBeforeUpdate holds for one update",
    current: { memory: { limit: 10, checkBeforeUpdate: true } },
    asked: { memory: { reservation: 5 } },
    inForce: { memory: { limit: 10, reservation: 5 } },
    change: { memory: { reservation: 5 } },
  },
  {
    name: "idle gives up the shares",
    current: { cpu: { shares: 512 } },
    asked: { cpu: { idle: 1 } },
    inForce: { cpu: { idle: 1 } },
    change: { cpu: { idle: 1 } },
  },
  {
    name: "idle no more takes the shares that were asked for meanwhile",
    current: { cpu: { idle: 1, shares: 512 } },
    asked: { cpu: { idle: 0 } },
    inForce: { cpu: { idle: 0, shares: 512 } },
    change: { cpu: { idle: 0, shares: 512 } },
  },
  {
    name: "idle no more without shares has those of the kernel",
    current: { cpu: { idle: 1 } },
    asked: { cpu: { idle: 0 } },
    inForce: { cpu: { idle: 0 } },
    change: { cpu: { idle: 0 } },
  },
  {
    name: "shares that come with idle are kept for later",
    current: { cpu: { shares: 512 } },
    asked: { cpu: { idle: 1, shares: 700 } },
    inForce: { cpu: { idle: 1, shares: 700 } },
    change: { cpu: { idle: 1, shares: 700 } },
  },
  {
    name: "shares for an idle container do not end that",
    current: { cpu: { idle: 1 } },
    asked: { cpu: { shares: 700 } },
    inForce: { cpu: { idle: 1, shares: 700 } },
    change: { cpu: { idle: 1, shares: 700 } },
  },
  {
    name: "not idle, as before, keeps the shares, which are one property with it",
    current: { cpu: { shares: 512 } },
    asked: { cpu: { idle: 0 } },
    inForce: { cpu: { shares: 512, idle: 0 } },
    change: { cpu: { shares: 512, idle: 0 } },
  },
  {
    name: "device rules take the place of those before",
    current: { devices: [{ allow: false }] },
    asked: { devices: [{ allow: true }], pids: { limit: 3 } },
    inForce: { devices: [{ allow: true }], pids: { limit: 3 } },
    change: { pids: { limit: 3 } },
  },
  {
    name: "throttles are merged by device",
    current: { blockIO: { weight: 10, throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1 }] } },
    asked: {
      blockIO: {
        throttleReadBpsDevice: [
          { major: 8, minor: 0, rate: 2 },
          { major: 8, minor: 16, rate: 3 },
        ],
      },
    },
    inForce: {
      blockIO: {
        weight: 10,
        throttleReadBpsDevice: [
          { major: 8, minor: 0, rate: 2 },
          { major: 8, minor: 16, rate: 3 },
        ],
      },
    },
    change: {
      blockIO: {
        throttleReadBpsDevice: [
          { major: 8, minor: 0, rate: 2 },
          { major: 8, minor: 16, rate: 3 },
        ],
      },
    },
  },
  {
    name: "a limit asked for takes the place of the file that unified names",
    current: { unified: { "pids.max": "5", "memory.high": "1" } },
    asked: { pids: { limit: 9 } },
    inForce: { unified: { "memory.high": "1" }, pids: { limit: 9 } },
    change: { pids: { limit: 9 } },
  },
  {
    name: "the OOM killer is switched on again where it is off",
    current: { memory: { limit: 1, disableOOMKiller: true } },
    asked: { memory: { disableOOMKiller: false } },
    inForce: { memory: { limit: 1, disableOOMKiller: false } },
    change: { memory: { disableOOMKiller: false } },
  },
  {
    name: "the OOM killer that is on is left alone",
    current: { memory: { limit: 1 } },
    asked: { memory: { limit: 2, disableOOMKiller: false } },
    inForce: { memory: { limit: 2, disableOOMKiller: false } },
    change: { memory: { limit: 2 } },
  },
  {
    name: "what names itself is merged by name",
    current: { unified: { "memory.high": "1" }, hugepageLimits: [{ pageSize: "2MB", limit: 1 }] },
    asked: { unified: { "pids.max": "9" }, hugepageLimits: [{ pageSize: "2MB", limit: 2 }] },
    inForce: {
      unified: { "memory.high": "1", "pids.max": "9" },
      hugepageLimits: [{ pageSize: "2MB", limit: 2 }],
    },
    change: { unified: { "pids.max": "9" }, hugepageLimits: [{ pageSize: "2MB", limit: 2 }] },
  },
];

for (const { name, current, asked, inForce, change } of CASES) {
  t.test(name, (test) => {
    const merged = mergeResources(current, asked);
    test.strictSame(merged.inForce, inForce, "in force");
    test.strictSame(merged.change, change, "written");
    test.end();
  });
}

/** With every member: a new one in the schemas has to be added here. */
type Complete<T> = T extends readonly (infer One)[]
  ? readonly Complete<One>[]
  : T extends object
    ? { readonly [Name in keyof T]-?: Complete<T[Name]> }
    : T;

const DEVICE = { major: 8, minor: 0 };
const EVERY: Complete<Omit<Resources, "devices">> = {
  memory: {
    limit: 4,
    reservation: 2,
    swap: 8,
    kernel: 1,
    kernelTCP: 1,
    swappiness: 10,
    disableOOMKiller: true,
    useHierarchy: true,
    checkBeforeUpdate: true,
  },
  cpu: {
    shares: 10,
    quota: 20,
    burst: 5,
    period: 30,
    realtimeRuntime: 1,
    realtimePeriod: 2,
    cpus: "0",
    mems: "0",
    idle: 0,
  },
  pids: { limit: 7 },
  blockIO: {
    weight: 100,
    leafWeight: 200,
    weightDevice: [{ ...DEVICE, weight: 1, leafWeight: 2 }],
    throttleReadBpsDevice: [{ ...DEVICE, rate: 1 }],
    throttleWriteBpsDevice: [{ ...DEVICE, rate: 2 }],
    throttleReadIOPSDevice: [{ ...DEVICE, rate: 3 }],
    throttleWriteIOPSDevice: [{ ...DEVICE, rate: 4 }],
  },
  hugepageLimits: [{ pageSize: "2MB", limit: 1 }],
  network: { classID: 1, priorities: [{ name: "eth0", priority: 1 }] },
  rdma: { mlx5: { hcaHandles: 1, hcaObjects: 2 } },
  unified: { "hugetlb.1GB.max": "0" },
};

t.test("an update forgets no limit, and takes each one over", (test) => {
  const { checkBeforeUpdate: _never, ...memory } = EVERY.memory;
  const kept = { ...EVERY, memory };
  test.strictSame(mergeResources(kept, {}).inForce, kept);
  for (const [topic, limits] of Object.entries(kept)) {
    test.strictSame(mergeResources({}, { [topic]: limits }).inForce, { [topic]: limits }, topic);
    for (const [name, value] of Object.entries(limits)) {
      const asked = { [topic]: Array.isArray(limits) ? [value] : { [name]: value } };
      test.strictSame(mergeResources(kept, asked).inForce, kept, `${topic} ${name}`);
    }
  }
  test.end();
});

t.test("sizes have units of 1024", (test) => {
  const sizes: Readonly<Record<string, number>> = {
    "-1": -1,
    0: 0,
    42: 42,
    "42b": 42,
    "4k": 4096,
    "4K": 4096,
    "4kB": 4096,
    "4KiB": 4096,
    "1.5 g": 1.5 * 2 ** 30,
    "2T": 2 ** 41,
  };
  for (const [text, bytes] of Object.entries(sizes)) test.equal(parseBytes("memory", text), bytes, text);
  for (const text of ["", "lots", "-2", "1x", "1.M", ".5M", "99999999P"]) {
    test.throws(() => parseBytes("memory", text), {
      message: `invalid value for memory: invalid size: '${text}'`,
    });
  }
  test.end();
});
