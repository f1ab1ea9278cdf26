// Every property that systemd is given, its type, its order, and from which version on.

import t from "tap";
import type { Hierarchies } from "../../../src/cgroups/hierarchies.ts";
import { planCgroup } from "../../../src/cgroups/plan.ts";
import { listToBits, roundQuota } from "../../../src/cgroups/systemd/cpu-properties.ts";
import { deviceProperties } from "../../../src/cgroups/systemd/device-properties.ts";
import { annotationProperties, parseVariant } from "../../../src/cgroups/systemd/gvariant.ts";
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
      unified: { "memory.min": "3" },
    },
    262,
  );
  test.strictSame(properties, [
    number("MemoryMax", 100),
    number("MemoryLow", 50),
    number("MemorySwapMax", 50),
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
  const none = { memory: { limit: 0, swap: 0, reservation: 0 }, cpu: { shares: 0 }, pids: { limit: 0 } };
  for (const resources of [{}, none, { pids: { limit: -2 } }]) {
    test.strictSame(resourcePropertiesV1(resources, 262), { properties: [], resources });
    test.strictSame(resourcePropertiesV2(resources, 262), { properties: [], resources });
  }
  test.strictSame(resourcePropertiesV2({ pids: { limit: -1 } }, 262).properties, [number("TasksMax", MAX)]);
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
  test.strictSame(resourcePropertiesV2({ cpu: { idle: 0 } }, 252).properties, []);
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
  test.strictSame(unifiedProperties({ "cpuset.cpus": "\n" }, 262), []);
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
  test.end();
});

t.test("devices: what systemd cannot say is left for the rules that come after it", (test) => {
  const deny = { allow: false, type: "a", major: -1, minor: -1, access: 7 } as const;
  const everything = { ...deny, allow: true };
  const clear = property("DeviceAllow", "a(ss)", []);
  const strict = [clear, property("DevicePolicy", "s", "strict")];
  test.strictSame(deviceProperties([everything]), [clear, property("DevicePolicy", "s", "auto")]);
  const except = { allow: false, type: "c", major: 1, minor: 3, access: 7 } as const;
  test.strictSame(deviceProperties([everything, except]), strict);
  const rules = [
    { allow: true, type: "c", major: -1, minor: 3, access: 7 },
    { allow: true, type: "b", major: 8, minor: 1, access: 6 },
    { allow: true, type: "c", major: 8, minor: -1, access: 3 },
    { allow: true, type: "b", major: -1, minor: -1, access: 1 },
  ] as const;
  test.strictSame(deviceProperties([deny, ...rules]), [
    ...strict,
    property("DeviceAllow", "a(ss)", [
      ["/dev/block/8:1", "rw"],
      ["char-8", "rm"],
      ["block-*", "m"],
    ]),
  ]);
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

t.test("GVariant: every type word, and what is not of its type", (test) => {
  const types = { byte: "y", int16: "n", uint16: "q", int32: "i", uint32: "u", int64: "x", uint64: "t" };
  for (const [word, type] of Object.entries(types)) {
    test.strictSame(parseVariant(`${word} 5`), { type, value: 5n }, word);
  }
  const cases: Readonly<Record<string, readonly [string, unknown]>> = {
    "double 5": ["d", 5],
    "boolean true": ["b", true],
    false: ["b", false],
    "string 'x'": ["s", "x"],
    "objectpath '/a'": ["o", "/a"],
    "signature 'as'": ["g", "as"],
    "0x10": ["i", 16n],
    "+5": ["i", 5n],
    "uint64 18446744073709551615": ["t", MAX],
    "@(su) ('a', 5)": ["(su)", ["a", 5n]],
    "('a', 5)": ["(si)", ["a", 5n]],
    "[('a', 1), ('b', 2)]": [
      "a(si)",
      [
        ["a", 1n],
        ["b", 2n],
      ],
    ],
    "'\\n\\t\\r\\a\\b\\f\\v\\x'": ["s", "\n\t\r\x07\b\f\vx"],
  };
  for (const [text, [type, value]] of Object.entries(cases)) {
    test.strictSame(parseVariant(text), { type, value }, text);
  }
  const wrong = {
    "string 5": /"5" is not of type s/,
    "uint64 'x'": /'x' is not of type t/,
    "uint64 1.5": /"1.5" is no whole number/,
    "[1, true]": /an array of different types/,
    "[1, 'a']": /'a' is not of type i/,
    "[true, 1]": /"1" is not of type b/,
    "[1 2]": /"," is missing/,
    "('a' 'b')": /"," is missing/,
    "[]": /an empty array needs its type/,
    "1 2": /unexpected "2"/,
    "": /a value is missing/,
    "[1": /a value is missing|"," is missing/,
    "'x": /unexpected text at "'x"/,
    nonsense: /"nonsense" is no value/,
  };
  for (const [text, message] of Object.entries(wrong)) {
    test.throws(() => parseVariant(text), { message }, text);
  }
  test.end();
});

t.test("annotations: names of three letters or more, seconds as microseconds", (test) => {
  const properties = (name: string, text: string) =>
    annotationProperties({ [`org.systemd.property.${name}`]: text });
  test.strictSame(properties("abc", "1"), [{ name: "abc", type: "i", value: 1n }]);
  test.strictSame(properties("TimeoutStopSec", "1.5"), [
    { name: "TimeoutStopUSec", type: "t", value: 1_500_000n },
  ]);
  test.strictSame(properties("RuntimeMaxUSec", "5"), [{ name: "RuntimeMaxUSec", type: "i", value: 5n }]);
  test.throws(() => properties("ab", "1"), {
    code: "E_CONFIG",
    message: "annotation org.systemd.property.ab name incorrect: too short",
  });
  test.throws(() => properties("a-bc", "1"), {
    message: "annotation org.systemd.property.a-bc name incorrect: contains non-alphabetic character",
  });
  test.throws(() => properties("TimeoutStopSec", "true"), {
    code: "E_CONFIG",
    message: "annotation org.systemd.property.TimeoutStopSec=true value parse error: not a number",
  });
  test.strictSame(annotationProperties(undefined), []);
  test.end();
});

const V2: Hierarchies = { layout: "v2", mounts: [{ controllers: [""], mountpoint: "/cg", own: "/cg" }] };
const V1: Hierarchies = {
  layout: "hybrid",
  mounts: [{ controllers: ["devices"], mountpoint: "/cg/devices", own: "/cg/devices" }],
};

function unitOf(cgroupsPath: string | undefined, hierarchies: Hierarchies, systemd: SystemdHost) {
  const spec = {
    annotations: { "org.systemd.property.KillSignal": "15" },
    ...(cgroupsPath === undefined ? {} : { linux: { cgroupsPath } }),
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
