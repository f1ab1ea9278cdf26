// Files of a cgroup as properties of a unit: those of `unified`, weights of block devices, and device rules.

import t from "tap";
import { listToBits } from "../../../src/cgroups/systemd/cpu-properties.ts";
import { deviceProperties } from "../../../src/cgroups/systemd/device-properties.ts";
import { ioWeightOfBfq } from "../../../src/cgroups/systemd/io-properties.ts";
import { resourcePropertiesV2 } from "../../../src/cgroups/systemd/properties.ts";
import { number, property } from "../../../src/cgroups/systemd/property.ts";
import { unifiedProperties } from "../../../src/cgroups/systemd/unified-properties.ts";
import { withUnkept } from "../../../src/cgroups/systemd/unkept.ts";

const MAX = 2n ** 64n - 1n;

t.test("weights of block devices where the kernel has BFQ: those that systemd makes BFQ's of", (test) => {
  const io = (blockIO: object) => resourcePropertiesV2({ blockIO }, 262, { bfq: true }).properties;
  const device = (minor: number, weight?: number) => ({ major: 8, minor, ...(weight && { weight }) });
  test.strictSame(io({ weight: 500, weightDevice: [device(0, 20), device(16, 1000), device(32)] }), [
    number("IOWeight", 4500),
    property("IODeviceWeight", "a(st)", [
      ["/dev/block/8:0", 20n],
      ["/dev/block/8:16", 10_000n],
    ]),
  ]);
  test.strictSame(io({ weight: 0, leafWeight: 5, weightDevice: [device(0)] }), []);
  // systemd's own way there and back (core/cgroup.c, BFQ_WEIGHT).
  const toBfq = (weight: bigint) => (weight <= 100n ? weight : 100n + ((weight - 100n) * 900n) / 9900n);
  for (const weight of [1n, 10n, 99n, 100n, 101n, 500n, 999n, 1000n]) {
    test.equal(toBfq(ioWeightOfBfq(weight)), weight);
  }
  test.end();
});

t.test("files of unified become properties, those that systemd knows", (test) => {
  const files = {
    "memory.high": "1",
    "memory.low": "2",
    "memory.min": "3",
    "memory.max": "4\n",
    "memory.swap.max": "max",
    "pids.max": "6",
    "cpuset.cpus": "0",
    "cpuset.mems": "1",
    "cpu.weight": "7",
    "cpu.max": "50000 200000",
    "io.max": "8:0 rbps=1",
    "memory.oom.group": "1",
    "hugetlb.2MB.max": "0",
  };
  const expected = [
    number("MemoryHigh", 1),
    number("MemoryLow", 2),
    number("MemoryMin", 3),
    number("MemoryMax", 4),
    number("MemorySwapMax", MAX),
    number("TasksMax", 6),
    property("AllowedCPUs", "ay", [1]),
    property("AllowedMemoryNodes", "ay", [2]),
    number("CPUWeight", 7),
    number("CPUQuotaPeriodUSec", 200000),
    number("CPUQuotaPerSecUSec", 250000),
  ];
  test.strictSame(unifiedProperties(files, 262), expected);
  const isOld = ({ name }: { name: string }) => !name.startsWith("Allowed") && name !== "CPUQuotaPeriodUSec";
  test.strictSame(unifiedProperties(files, 241), expected.filter(isOld));
  test.end();
});

t.test("io.weight and io.bfq.weight of unified: the line for all devices, and BFQ's for one", (test) => {
  const io = (file: string, text: string) => unifiedProperties({ [file]: text }, 262);
  for (const text of ["300", "default 300", " default  300\n"]) {
    test.strictSame(io("io.weight", text), [number("IOWeight", 300)], text);
    test.strictSame(io("io.bfq.weight", text), [number("IOWeight", 2300)], text);
  }
  test.strictSame(io("io.weight", "8:0 5\n8:16 default"), []);
  test.strictSame(io("io.bfq.weight", "8:0 300\n200\n8:16 default\n8:32 7"), [
    number("IOWeight", 1200),
    property("IODeviceWeight", "a(st)", [
      ["/dev/block/8:0", 2300n],
      ["/dev/block/8:32", 7n],
    ]),
  ]);
  test.end();
});

t.test("a nice value is the weight that the kernel makes of it", (test) => {
  const weight = (nice: string) => unifiedProperties({ "cpu.weight.nice": nice }, 262);
  for (const [nice, expected] of [
    ["-20", 8668],
    ["0", 100],
    ["5\n", 33],
    ["+19", 1],
  ] as const) {
    test.strictSame(weight(nice), [number("CPUWeight", expected)], nice);
  }
  test.strictSame(unifiedProperties({ "cpu.weight.nice": "5", "cpu.idle": "1" }, 262), [
    number("CPUWeight", 0),
  ]);
  for (const nice of ["20", "-21", "x", ""]) {
    const message = `unified resource "cpu.weight.nice" value invalid: "${nice}"`;
    test.throws(() => weight(nice), { code: "E_CONFIG", message }, nice);
  }
  test.end();
});

t.test("cpu.idle, cpu.weight and cpu.max of unified", (test) => {
  const both = { "cpu.weight": "7", "cpu.idle": " 1\n" };
  test.strictSame(unifiedProperties(both, 252), [number("CPUWeight", 0)]);
  test.strictSame(unifiedProperties(both, 251), [number("CPUWeight", 7)]);
  test.strictSame(unifiedProperties({ ...both, "cpu.idle": "0" }, 252), [number("CPUWeight", 7)]);
  test.strictSame(unifiedProperties({ "cpu.max": "10000" }, 262), [
    number("CPUQuotaPeriodUSec", 100000),
    number("CPUQuotaPerSecUSec", 100000),
  ]);
  test.strictSame(unifiedProperties({ "cpu.max": "max" }, 200), [number("CPUQuotaPerSecUSec", MAX)]);
  test.strictSame(unifiedProperties({ "cpu.idle": "0" }, 252), [number("CPUWeight", MAX)]);
  test.strictSame(unifiedProperties({ "cpu.idle": "0" }, 251), []);
  test.strictSame(unifiedProperties({ "cpu.idle": "0", "cpu.weight.nice": "0" }, 252), [
    number("CPUWeight", 100),
  ]);
  test.strictSame(unifiedProperties({ "cpuset.cpus": "\n" }, 262), [property("AllowedCPUs", "ay", [])]);
  const invalid = [
    { file: "cpu.max", value: "1 2 3", said: "1 2 3" },
    { file: "cpu.max", value: "", said: "" },
    { file: "cpu.max", value: "1 x", said: "x" },
    { file: "pids.max", value: "-1", said: "-1" },
    { file: "cpu.weight", value: "1x", said: "1x" },
  ];
  for (const { file, value, said } of invalid) {
    const message = `unified resource "${file}" value invalid: "${said}"`;
    test.throws(() => unifiedProperties({ [file]: value }, 262), { code: "E_CONFIG", message });
  }
  test.throws(() => unifiedProperties({ "cpuset.mems": "x" }, 262), {
    message: 'unified resource cpuset.mems "x" conversion error: invalid range: x',
  });
  test.end();
});

t.test("lists of CPUs as bits, up to 65535", (test) => {
  test.strictSame(listToBits("0-1,9", "x"), [3, 2]);
  test.strictSame(listToBits("7,8", "x"), [128, 1]);
  test.strictSame(listToBits("3-3", "x"), [8]);
  test.equal(listToBits("65535", "x").length, 8192);
  for (const list of ["65536", "2-1", "1-", "-1", "1-2-3", "1.5", "1,x", "1x-2", "1-2x"]) {
    test.throws(
      () => listToBits(list, "cpu.cpus"),
      { code: "E_CONFIG", message: /^cpu\.cpus ".*" conversion error: invalid range: / },
      list,
    );
  }
  const empty = { code: "E_CONFIG", message: 'cpu.mems "," conversion error: empty value' };
  test.throws(() => listToBits(",", "cpu.mems"), empty);
  test.end();
});

t.test(
  "devices: a set that systemd cannot say is our program's alone on v2, and closed to it on v1",
  (test) => {
    const deny = { allow: false, type: "a", major: -1, minor: -1, access: 7 } as const;
    const everything = { ...deny, allow: true };
    const clear = property("DeviceAllow", "a(ss)", []);
    const strict = [clear, property("DevicePolicy", "s", "strict")];
    const auto = [clear, property("DevicePolicy", "s", "auto")];
    const except = { allow: false, type: "c", major: 1, minor: 3, access: 7 } as const;
    const anyMajor = { allow: true, type: "c", major: -1, minor: 3, access: 7 } as const;
    test.strictSame(deviceProperties([everything], "v1"), auto);
    test.strictSame(deviceProperties([everything, except], "v1"), strict);
    test.strictSame(deviceProperties([deny, anyMajor], "v1"), [
      ...strict,
      property("DeviceAllow", "a(ss)", []),
    ]);
    for (const rules of [[everything], [everything, except], [deny, anyMajor]]) {
      test.strictSame(deviceProperties(rules, "v2"), auto);
    }
    const rules = [
      { allow: true, type: "c", major: 9, minor: 9, access: 0 },
      { allow: true, type: "b", major: 8, minor: 1, access: 6 },
      { allow: true, type: "c", major: 8, minor: -1, access: 3 },
      { allow: true, type: "b", major: -1, minor: -1, access: 1 },
    ] as const;
    test.strictSame(deviceProperties([deny, ...rules], "v2"), [
      ...strict,
      property("DeviceAllow", "a(ss)", [
        ["/dev/block/8:1", "rw"],
        ["char-8", "rm"],
        ["block-*", "m"],
      ]),
    ]);
    test.end();
  },
);

t.test("devices: where none is allowed, systemd is told so, and not that all are", (test) => {
  const deny = { allow: false, type: "a", major: -1, minor: -1, access: 7 } as const;
  const nothing = property("DeviceAllow", "a(ss)", []);
  for (const driver of ["v1", "v2"] as const) {
    const strict = [nothing, property("DevicePolicy", "s", "strict"), nothing];
    test.strictSame(deviceProperties([deny], driver), strict, driver);
  }
  test.end();
});

t.test("an update writes again what systemd takes away for want of a property", (test) => {
  const inForce = {
    memory: { limit: 5 },
    cpu: { shares: 7, quota: 50_000, period: 200_000 },
    blockIO: { weight: 100, weightDevice: [{ major: 8, minor: 0, weight: 20 }] },
    unified: { "memory.oom.group": "1", "memory.high": "9" },
  };
  const { quota, period } = inForce.cpu;
  const { weightDevice } = inForce.blockIO;
  const change = { pids: { limit: 3 } };
  const group = { "memory.oom.group": "1" };
  const of = (asked: object, driver: "v1" | "v2", version: number, all: object = inForce) =>
    withUnkept(asked, all, { driver, version });
  test.strictSame(of(change, "v2", 262), { ...change, unified: group });
  test.strictSame(of(change, "v2", 241), { ...change, cpu: { quota, period }, unified: group });
  const { unified: _, ...v1 } = inForce;
  test.strictSame(of(change, "v1", 252, v1), { ...change, blockIO: { weightDevice } });
  for (const version of [241, 262]) test.equal(of(change, "v2", version, change).unified, undefined);
  const asked = { cpu: { quota: 9, idle: 1 }, unified: { "memory.oom.group": "0", "pids.max": "4" } };
  test.strictSame(of(asked, "v2", 241), { cpu: { ...asked.cpu, period }, unified: asked.unified });
  test.strictSame(of({ blockIO: { weight: 5, weightDevice: [] } }, "v1", 252, v1), {
    blockIO: { weight: 5, weightDevice: [] },
  });
  test.end();
});
