// Every property that systemd is given, its type, its order, and from which version on.

import t from "tap";
import type { Hierarchies } from "../../../src/cgroups/hierarchies.ts";
import { planCgroup } from "../../../src/cgroups/plan.ts";
import { roundQuota } from "../../../src/cgroups/systemd/cpu-properties.ts";
import {
  resourcePropertiesV1,
  resourcePropertiesV2,
  restoringProperties,
} from "../../../src/cgroups/systemd/properties.ts";
import { number, property, splitSignature } from "../../../src/cgroups/systemd/property.ts";
import { unifiedProperties } from "../../../src/cgroups/systemd/unified-properties.ts";
import { resolveUnit, type SystemdHost, unitPath } from "../../../src/cgroups/systemd/unit.ts";

const MAX = 2n ** 64n - 1n;
const SYSTEM: SystemdHost = { user: false, version: 262, controlGroup: "/init.scope" };
const USER: SystemdHost = { user: true, version: 262, controlGroup: "/user.slice/user@7.service" };

t.test("v2: every limit, in this order", (test) => {
  const { properties } = resourcePropertiesV2(
    {
      memory: { limit: 100, swap: 150, reservation: 50 },
      cpu: { shares: 1024, quota: 50000, period: 200000, cpus: "0-1", mems: "9" },
      pids: { limit: 7 },
      blockIO: { weight: 500, weightDevice: [{ major: 8, minor: 0, weight: 20 }] },
      unified: { "memory.min": "3" },
    },
    262,
  );
  test.strictSame(properties, [
    number("MemoryMax", 100),
    number("MemoryLow", 50),
    number("MemorySwapMax", 50),
    number("IOWeight", 4950),
    number("CPUWeight", 100),
    number("CPUQuotaPeriodUSec", 200000),
    number("CPUQuotaPerSecUSec", 250000),
    number("TasksMax", 7),
    property("AllowedCPUs", "ay", [3]),
    property("AllowedMemoryNodes", "ay", [0, 2]),
    number("MemoryMin", 3),
  ]);
  test.end();
});

t.test("v1: every limit, in this order", (test) => {
  const { properties } = resourcePropertiesV1(
    {
      memory: { limit: 100, swap: 150, reservation: 50 },
      cpu: { shares: 1024, quota: 50000, period: 200000, cpus: "0-1", mems: "9" },
      blockIO: { weight: 300 },
      pids: { limit: 7 },
    },
    262,
  );
  test.strictSame(properties, [
    number("MemoryLimit", 100),
    number("CPUShares", 1024),
    number("CPUQuotaPeriodUSec", 200000),
    number("CPUQuotaPerSecUSec", 250000),
    number("BlockIOWeight", 300),
    number("TasksMax", 7),
    property("AllowedCPUs", "ay", [3]),
    property("AllowedMemoryNodes", "ay", [0, 2]),
  ]);
  test.end();
});

t.test("what is not asked for, or 0, is no property", (test) => {
  const none = { memory: { limit: 0, swap: 0, reservation: 0 }, cpu: { shares: 0 }, pids: {} };
  for (const resources of [{}, none, { pids: { limit: -2 } }]) {
    test.strictSame(resourcePropertiesV1(resources, 262), { properties: [], resources });
    test.strictSame(resourcePropertiesV2(resources, 262), { properties: [], resources });
  }
  test.strictSame(resourcePropertiesV2({ pids: { limit: -1 } }, 262).properties, [number("TasksMax", MAX)]);
  for (const properties of [resourcePropertiesV1, resourcePropertiesV2]) {
    test.strictSame(properties({ pids: { limit: 0 } }, 262).properties, [number("TasksMax", 1)], "not 0");
  }
  test.end();
});

t.test("a version of systemd is asked for what it knows", (test) => {
  const names = (cpu: object, version: number) =>
    [resourcePropertiesV2({ cpu }, version), resourcePropertiesV1({ cpu }, version)].map(({ properties }) =>
      properties.map(({ name }) => name).join(" "),
    );
  test.strictSame(names({ quota: 1, period: 5000 }, 241), ["CPUQuotaPerSecUSec", "CPUQuotaPerSecUSec"]);
  test.match(names({ quota: 1, period: 5000 }, 242), [/^CPUQuotaPeriodUSec /, /^CPUQuotaPeriodUSec /]);
  test.strictSame(names({ cpus: "0", mems: "0" }, 243), ["", ""]);
  const sets = "AllowedCPUs AllowedMemoryNodes";
  test.strictSame(names({ cpus: "0", mems: "0" }, 244), [sets, sets]);
  test.strictSame(resourcePropertiesV2({ cpu: { idle: 1 } }, 251).properties, []);
  test.strictSame(resourcePropertiesV2({ cpu: { idle: 1 } }, 252).properties, [number("CPUWeight", 0)]);
  test.strictSame(resourcePropertiesV2({ cpu: { idle: 0 } }, 251).properties, []);
  test.strictSame(resourcePropertiesV2({ cpu: { idle: 0 } }, 252).properties, [number("CPUWeight", MAX)]);
  test.strictSame(resourcePropertiesV2({ cpu: { idle: 0, shares: 1024 } }, 252).properties, [
    number("CPUWeight", 100),
  ]);
  const zswap = { "memory.zswap.max": "5", "memory.zswap.writeback": "0" };
  const [max, writeback] = [number("MemoryZSwapMax", 5), property("MemoryZSwapWriteback", "b", false)];
  test.strictSame(unifiedProperties(zswap, 252), []);
  test.strictSame(unifiedProperties(zswap, 253), [max]);
  test.strictSame(unifiedProperties(zswap, 255), [max]);
  test.strictSame(unifiedProperties(zswap, 256), [max, writeback]);
  test.end();
});

t.test("a quota is a part of its period, or of the usual one", (test) => {
  const perSecond = (quota: number, period?: number) => {
    const cpu = period === undefined ? { quota } : { quota, period };
    const { properties } = resourcePropertiesV2({ cpu }, 200);
    return properties.find(({ name }) => name === "CPUQuotaPerSecUSec")?.value;
  };
  test.equal(perSecond(25000), 250000n);
  test.equal(perSecond(25000, 50000), 500000n);
  test.equal(perSecond(1, 100000), 10000n, "a percent at least");
  test.equal(perSecond(0, 50000), MAX);
  test.equal(perSecond(-1, 50000), MAX);
  test.equal(perSecond(0), undefined);
  test.strictSame(roundQuota({ quota: 1, period: 200000 }), { quota: 2000, period: 200000 });
  test.strictSame(roundQuota({ quota: 2000, period: 200000 }), { quota: 2000, period: 200000 });
  test.strictSame(roundQuota({ quota: 1001 }), { quota: 2000 });
  for (const quota of [0, -1]) test.strictSame(roundQuota({ quota, shares: 5 }), { quota, shares: 5 });
  test.end();
});

t.test("numbers have 64 bits, -1 is none", (test) => {
  test.equal(number("x", -1).value, MAX);
  test.equal(number("x", 2 ** 64).value, MAX);
  test.equal(number("x", 2 ** 63).value, 2n ** 63n);
  test.equal(number("x", 5.9).value, 5n);
  test.equal(number("x", 5n).type, "t");
  test.end();
});

t.test("a list of CPUs and a guarantee of memory are taken back to nothing, a limit to no limit", (test) => {
  const changed = [property("AllowedCPUs", "ay", [1]), number("MemoryMin", 5), number("MemoryHigh", 5)];
  test.strictSame(restoringProperties(changed, [number("TasksMax", 1)]), [
    property("AllowedCPUs", "ay", []),
    number("MemoryMin", 0),
    number("MemoryHigh", MAX),
  ]);
  const weights = property("IODeviceWeight", "a(st)", [["/dev/block/8:0", 5n]]);
  const none = property("IODeviceWeight", "a(st)", []);
  test.strictSame(restoringProperties([weights], []), [none]);
  test.strictSame(restoringProperties([weights], [weights]), [none, weights], "a list is added to");
  const writeback = property("MemoryZSwapWriteback", "b", false);
  test.strictSame(restoringProperties([writeback], []), [property("MemoryZSwapWriteback", "b", true)]);
  test.end();
});

t.test("signatures come apart at their first type", (test) => {
  const cases: Readonly<Record<string, readonly [string, string]>> = {
    s: ["s", ""],
    su: ["s", "u"],
    aas: ["aas", ""],
    "(s(uu))t": ["(s(uu))", "t"],
    "a(s)a(u)": ["a(s)", "a(u)"],
    "(s": ["(s", ""],
  };
  for (const [signature, parts] of Object.entries(cases)) test.strictSame(splitSignature(signature), parts);
  test.end();
});

const V2: Hierarchies = { layout: "v2", mounts: [{ controllers: [""], mountpoint: "/cg", own: "/cg" }] };
const V1: Hierarchies = {
  layout: "hybrid",
  mounts: [{ controllers: ["devices"], mountpoint: "/cg/devices", own: "/cg/devices" }],
};

function unitOf(
  cgroupsPath: string | undefined,
  hierarchies: Hierarchies,
  systemd: SystemdHost,
  { unified, ...rest }: { unified?: Record<string, string>; mounts?: object[]; process?: object } = {},
) {
  const resources = unified && { unified };
  const spec = {
    annotations: { "org.systemd.property.KillSignal": "15" },
    linux: { ...(cgroupsPath && { cgroupsPath }), ...(resources && { resources }) },
    ...rest,
  };
  return planCgroup({ spec, id: "box", systemd, hierarchies }).unit;
}

t.test("a unit begins with its place, its accounting, and what the annotations ask for", (test) => {
  const accounting = (...kinds: string[]) => kinds.map((kind) => property(`${kind}Accounting`, "b", true));
  const rest = [property("DefaultDependencies", "b", false), { name: "KillSignal", type: "i", value: 15n }];
  test.strictSame(unitOf("a.slice:p:n", V2, SYSTEM), {
    name: "p-n.scope",
    user: false,
    properties: [
      property("Description", "s", "container n"),
      property("Slice", "s", "a.slice"),
      property("Delegate", "b", true),
      ...accounting("Memory", "CPU", "IO", "Tasks"),
      ...rest,
    ],
  });
  test.strictSame(unitOf("a.slice:p:b.slice", V1, { ...SYSTEM, version: 257 }), {
    name: "b.slice",
    user: false,
    properties: [
      property("Description", "s", "container b.slice"),
      property("Wants", "as", ["a.slice"]),
      ...accounting("Memory", "CPU", "BlockIO", "Tasks"),
      ...rest,
    ],
  });
  test.match(unitOf(undefined, V2, USER), { name: "runc-box.scope", user: true });
  test.end();
});

t.test("memory.oom.group 1 is the policy that a scope begins with, where it can have one", (test) => {
  const policy = (path: string, version: number, group = "1", more: object = {}) =>
    unitOf(path, V2, { ...SYSTEM, version }, { unified: { "memory.oom.group": group }, ...more })
      ?.properties.filter(({ name }) => name === "OOMPolicy")
      .map(({ type, value }) => [type, value]);
  const kill = [["s", "kill"]];
  test.strictSame(policy(":p:n", 253), kill);
  test.strictSame(policy(":p:n", 262, "1\n"), kill);
  test.strictSame(policy(":p:n", 262, "0"), []);
  test.strictSame(policy(":p:n", 252), []);
  test.strictSame(policy(":p:n.slice", 262), []);
  const cgroup = { type: "cgroup", destination: "/sys/fs/cgroup", options: ["ro"] };
  const bind = (source: string, ...options: string[]) => ({
    mounts: [{ type: "bind", source, destination: "/x", options: ["rbind", ...options] }],
  });
  const admin = (...bounding: string[]) => ({ process: { cwd: "/", capabilities: { bounding } } });
  for (const more of [
    { mounts: [cgroup] },
    bind("/sys/fs/cgroup", "ro"),
    bind("/sys/fs/selinux"),
    bind("/system"),
    bind("/srv"),
    admin("CAP_CHOWN"),
  ]) {
    test.strictSame(policy(":p:n", 253, "1", more), kill, JSON.stringify(more));
  }
  for (const more of [
    { mounts: [{ ...cgroup, options: [] }] },
    { mounts: [{ ...cgroup, type: "cgroup2", options: [] }] },
    ...["/", "/sys", "/sys/", "/sys/fs", "/sys/fs/cgroup", "/sys/fs/cgroup/x"].map((path) => bind(path)),
    admin("CAP_SYS_ADMIN"),
  ]) {
    test.strictSame(policy(":p:n", 258, "1", more), [], JSON.stringify(more));
    test.strictSame(policy(":p:n", 259, "1", more), kill, JSON.stringify(more));
  }
  test.end();
});

t.test("a unit's place: the usual slice, and below a user's manager", (test) => {
  const place = (path: string | undefined, host: SystemdHost) =>
    unitPath(resolveUnit(path, "box", host), host);
  test.equal(place(undefined, SYSTEM), "/system.slice/runc-box.scope");
  test.equal(place("", SYSTEM), "/system.slice/runc-box.scope");
  test.equal(place(":p:n", SYSTEM), "/system.slice/p-n.scope");
  test.equal(place(undefined, USER), "/user.slice/user@7.service/user.slice/runc-box.scope");
  test.equal(place("a-b.slice:p:n", USER), "/user.slice/user@7.service/a.slice/a-b.slice/p-n.scope");
  test.throws(() => place("a:b", SYSTEM), { code: "E_CONFIG", message: /got "a:b" instead$/ });
  test.end();
});
