// Systemd's part as values: names, slices, properties, GVariant text.

import t from "tap";
import type { Hierarchies } from "../../../src/cgroups/hierarchies.ts";
import { planCgroup, plannedRecord } from "../../../src/cgroups/plan.ts";
import { listToBits } from "../../../src/cgroups/systemd/cpu-properties.ts";
import { deviceProperties } from "../../../src/cgroups/systemd/device-properties.ts";
import { annotationProperties, parseVariant } from "../../../src/cgroups/systemd/gvariant.ts";
import {
  resourcePropertiesV1,
  resourcePropertiesV2,
  restoringProperties,
} from "../../../src/cgroups/systemd/properties.ts";
import { number, type Property, splitSignature } from "../../../src/cgroups/systemd/property.ts";
import { expandSlice, resolveUnit, type SystemdHost } from "../../../src/cgroups/systemd/unit.ts";
import type { Resources } from "../../../src/spec/types.ts";

const SYSTEM: SystemdHost = { user: false, version: 262, controlGroup: "" };
const USER: SystemdHost = { user: true, version: 262, controlGroup: "/user.slice/user@7.service" };
const V2: Hierarchies = { layout: "v2", mounts: [{ controllers: [""], mountpoint: "/cg", own: "/cg/own" }] };
const MAX = 2n ** 64n - 1n;

function values(properties: readonly Property[]): Record<string, unknown> {
  return Object.fromEntries(properties.map(({ name, value }) => [name, value]));
}

t.test("the unit is named after cgroupsPath", (test) => {
  test.strictSame(resolveUnit("system.slice:docker:4e88", "box", SYSTEM), {
    name: "docker-4e88.scope",
    title: "4e88",
    slice: "system.slice",
  });
  test.equal(resolveUnit("::web", "box", SYSTEM).name, "-web.scope");
  test.equal(resolveUnit(":x:y", "box", USER).slice, "user.slice");
  test.strictSame(resolveUnit("a.slice:p:b.slice", "box", SYSTEM).name, "b.slice");
  test.strictSame(resolveUnit(undefined, "box", SYSTEM).name, "runc-box.scope");
  for (const path of ["/docker/4e88", "a:b", "a:b:c:d"]) {
    test.throws(
      () => resolveUnit(path, "box", SYSTEM),
      { message: /expected cgroupsPath to be of format/ },
      path,
    );
  }
  test.end();
});

t.test("slices lie in one another by their names", (test) => {
  test.equal(expandSlice("system.slice"), "/system.slice");
  test.equal(expandSlice("a-b-c.slice"), "/a.slice/a-b.slice/a-b-c.slice");
  test.equal(expandSlice("-.slice"), "");
  for (const name of ["", ".slice", "a", "a--b.slice", "-a.slice", "a/b.slice", "a.scope"]) {
    test.throws(() => expandSlice(name), { message: `invalid slice name: ${name}` }, name);
  }
  test.end();
});

t.test("the record knows the unit, and the cgroup's place", (test) => {
  const linux = { cgroupsPath: "user.slice:p:n" };
  const record = (systemd: SystemdHost) =>
    plannedRecord(planCgroup({ spec: { linux }, id: "box", systemd, hierarchies: V2 }));
  test.strictSame(record(SYSTEM), {
    driver: "v2",
    paths: { "": "/cg/user.slice/p-n.scope" },
    created: [],
    unit: { name: "p-n.scope", user: false },
  });
  test.equal(record(USER).paths[""], "/cg/user.slice/user@7.service/user.slice/p-n.scope");
  test.end();
});

t.test("a systemd that has dropped v1 is not asked for it, nor a user's manager ever", (test) => {
  const mounts = [{ controllers: ["devices"], mountpoint: "/cg/devices", own: "/cg/devices" }];
  const hierarchies: Hierarchies = { layout: "hybrid", mounts };
  const plan = (systemd: SystemdHost) => planCgroup({ spec: {}, id: "box", systemd, hierarchies });
  test.throws(() => plan({ ...SYSTEM, version: 258 }), { message: "systemd 258 does not manage cgroup v1" });
  test.throws(() => plan(USER), { message: "cannot use rootless systemd cgroups manager on cgroup v1" });
  const [directory] = plan({ ...SYSTEM, version: 257 }).directories;
  test.equal(directory?.path, "/cg/devices/system.slice/runc-box.scope");
  test.end();
});

t.test("limits become properties", (test) => {
  const resources: Resources = {
    memory: { limit: 100, swap: 150, reservation: 50 },
    cpu: { shares: 1024, quota: 50000, period: 100000, cpus: "0,9", mems: "0" },
    pids: { limit: -1 },
    unified: { "memory.high": "max", "pids.max": "5", "io.max": "8:0 rbps=1" },
  };
  test.strictSame(values(resourcePropertiesV2(resources, 262).properties), {
    MemoryMax: 100n,
    MemoryLow: 50n,
    MemorySwapMax: 50n,
    CPUWeight: 100n,
    CPUQuotaPeriodUSec: 100000n,
    CPUQuotaPerSecUSec: 500000n,
    TasksMax: 5n,
    AllowedCPUs: [1, 2],
    AllowedMemoryNodes: [1],
    MemoryHigh: MAX,
  });
  test.strictSame(values(resourcePropertiesV1({ ...resources, unified: {} }, 240).properties), {
    MemoryLimit: 100n,
    CPUShares: 1024n,
    CPUQuotaPerSecUSec: 500000n,
    TasksMax: MAX,
  });
  test.strictSame(values(resourcePropertiesV2({ cpu: { idle: 1, shares: 5 } }, 262).properties), {
    CPUWeight: 0n,
  });
  test.strictSame(values(resourcePropertiesV2({ memory: { limit: 100, swap: 100 } }, 262).properties), {
    MemoryMax: 100n,
    MemorySwapMax: 0n,
  });
  test.end();
});

t.test("a quota is rounded up to what systemd keeps", (test) => {
  const { properties, resources } = resourcePropertiesV2({ cpu: { quota: 50001, period: 100000 } }, 262);
  test.equal(values(properties).CPUQuotaPerSecUSec, 510000n);
  test.equal(resources.cpu?.quota, 51000, "the file gets the same");
  test.equal(values(resourcePropertiesV2({ cpu: { quota: -1 } }, 262).properties).CPUQuotaPerSecUSec, MAX);
  test.end();
});

t.test("properties are taken back to what they were, or to none", (test) => {
  const changed = [number("MemoryMax", 5), number("TasksMax", 6), number("MemoryLow", 7)];
  test.strictSame(values(restoringProperties(changed, [number("TasksMax", 9)])), {
    MemoryMax: MAX,
    TasksMax: 9n,
    MemoryLow: 0n,
  });
  test.end();
});

t.test("bits of a list", (test) => {
  test.strictSame(listToBits("0-2, 8,", "x"), [7, 1]);
  for (const list of ["", "a", "3-1", "1-2-x", "99999999"]) test.throws(() => listToBits(list, "x"), list);
  test.end();
});

t.test("device rules become a list of what is allowed", (test) => {
  const rules = [
    { allow: false, type: "a", major: -1, minor: -1, access: 7 },
    { allow: true, type: "c", major: 1, minor: 3, access: 7 },
    { allow: true, type: "b", major: 8, minor: -1, access: 2 },
    { allow: true, type: "c", major: -1, minor: -1, access: 1 },
  ] as const;
  const [clear, policy, allow] = deviceProperties(rules, "v2");
  test.strictSame(clear, { name: "DeviceAllow", type: "a(ss)", value: [] });
  test.equal(policy?.value, "strict");
  test.strictSame(allow?.value, [
    ["/dev/char/1:3", "rwm"],
    ["block-8", "r"],
    ["char-*", "m"],
  ]);
  const everything = [{ allow: true, type: "a", major: -1, minor: -1, access: 7 }] as const;
  test.equal(deviceProperties(everything, "v2")[1]?.value, "auto");
  test.end();
});

t.test("GVariant text", (test) => {
  const cases: Readonly<Record<string, readonly [string, unknown]>> = {
    "uint64 10000000": ["t", 10000000n],
    "15": ["i", 15n],
    "-1": ["i", -1n],
    "1.5": ["d", 1.5],
    true: ["b", true],
    "'it\\'s'": ["s", "it's"],
    '"x"': ["s", "x"],
    "['a', 'b']": ["as", ["a", "b"]],
    "@as []": ["as", []],
    "@au [1, 2]": ["au", [1n, 2n]],
    "('a', uint32 5)": ["(su)", ["a", 5n]],
    "@a(st) [('x', 1)]": ["a(st)", [["x", 1n]]],
  };
  for (const [text, [type, value]] of Object.entries(cases)) {
    test.strictSame(parseVariant(text), { type, value }, text);
  }
  for (const text of ["", "nonsense", "[]", "[1, 'a']", "uint64 1.5", "1 2", "('a'", "uint64 'x"]) {
    test.throws(() => parseVariant(text), text);
  }
  test.end();
});

t.test("annotations become properties", (test) => {
  const properties = annotationProperties({
    "org.systemd.property.KillSignal": "15",
    "org.systemd.property.TimeoutStopSec": "uint64 10",
    "org.systemd.property.TimeoutStopUSec": "uint64 10000000",
    "io.container.manager": "libpod",
  });
  test.strictSame(properties, [
    { name: "KillSignal", type: "i", value: 15n },
    { name: "TimeoutStopUSec", type: "t", value: 10_000_000n },
    { name: "TimeoutStopUSec", type: "t", value: 10_000_000n },
  ]);
  const refused: Readonly<Record<string, string>> = {
    "Kill-Signal": "1",
    ab: "1",
    KillSignal: "??",
    FooSec: "true",
  };
  for (const [name, text] of Object.entries(refused)) {
    test.throws(
      () => annotationProperties({ [`org.systemd.property.${name}`]: text }),
      { code: "E_CONFIG" },
      name,
    );
  }
  test.end();
});

t.test("signatures", (test) => {
  test.strictSame(splitSignature("a(sa(sv))b"), ["a(sa(sv))", "b"]);
  test.strictSame(splitSignature("(ss)"), ["(ss)", ""]);
  test.end();
});

t.test("a subgroup is where the container is, below its unit", (test) => {
  const plan = (hierarchies: Hierarchies, systemd = SYSTEM) =>
    planCgroup({
      spec: { linux: { cgroupsPath: "a.slice:p:x" } },
      id: "box",
      systemd,
      hierarchies,
      annotations: { subgroup: "part/of" },
    });
  const planned = plan(V2);
  test.match(planned, { directories: [{ path: "/cg/a.slice/p-x.scope/part/of" }], subgroup: "part/of" });
  test.match(plannedRecord(planned), {
    paths: { "": "/cg/a.slice/p-x.scope/part/of" },
    unit: { name: "p-x.scope" },
  });
  const v1: Hierarchies = {
    layout: "v1",
    mounts: [{ controllers: ["devices"], mountpoint: "/cg", own: "/cg" }],
  };
  test.throws(() => plan(v1, { ...SYSTEM, version: 250 }), {
    code: "E_CGROUP",
    message: /annotations\/run.oci.systemd.subgroup asks for: it needs cgroup v2/,
  });
  test.end();
});
