// The cgroup that a configuration gets on each kind of host.

import t from "tap";
import type { Hierarchies } from "../../../src/cgroups/hierarchies.ts";
import { innerPath, resolveCgroupsPath } from "../../../src/cgroups/path.ts";
import { type CgroupSpec, planCgroup, plannedRecord } from "../../../src/cgroups/plan.ts";
import { assertUsable } from "../../../src/cgroups/unusable.ts";
import type { Resources } from "../../../src/spec/types.ts";

const V1: Hierarchies = {
  layout: "hybrid",
  mounts: [
    { controllers: ["cpu", "cpuacct"], mountpoint: "/cg/cpu,cpuacct", own: "/cg/cpu,cpuacct/own" },
    { controllers: ["name=dinit"], mountpoint: "/cg/dinit", own: "/cg/dinit" },
    { controllers: ["name=systemd"], mountpoint: "/cg/systemd", own: "/cg/systemd/own" },
    { controllers: ["devices"], mountpoint: "/cg/devices", own: "/cg/devices" },
    { controllers: [""], mountpoint: "/cg/unified", own: "/cg/unified/own" },
  ],
};
const V2: Hierarchies = {
  layout: "v2",
  mounts: [{ controllers: [""], mountpoint: "/cg", own: "/cg/user.slice/session.scope" }],
};

function directories(hierarchies: Hierarchies, cgroupsPath?: string): string[] {
  const linux = cgroupsPath === undefined ? {} : { cgroupsPath };
  const plan = planCgroup({ spec: { linux }, id: "box", systemd: undefined, hierarchies });
  return plan.directories.map((directory) => directory.path);
}

t.test("a path is cleaned so that nothing leaves the root it is taken from", async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ["/docker/abc", "docker/abc"],
    ["/../../etc", "etc"],
    ["../../../x", "x"],
    ["a/./b//c/", "a/b/c"],
    ["/a/../../../b", "b"],
    ["/", ""],
    ["..", ""],
  ];
  for (const [path, clean] of cases) t.equal(innerPath(path), clean, path);
});

t.test("without a path the id is the cgroup's name, below the caller's own", async (t) => {
  t.same(resolveCgroupsPath(undefined, "box"), { inner: "box", absolute: false, explicit: false });
  t.same(resolveCgroupsPath("", "box"), { inner: "box", absolute: false, explicit: false });
  t.same(resolveCgroupsPath("x/y", "box"), { inner: "x/y", absolute: false, explicit: true });
  t.same(resolveCgroupsPath("/x/y", "box"), { inner: "x/y", absolute: true, explicit: true });
});

t.test("v1: one directory per hierarchy, devices first, no named one but systemd's", async (t) => {
  t.same(directories(V1, "/docker/abc"), [
    "/cg/devices/docker/abc",
    "/cg/cpu,cpuacct/docker/abc",
    "/cg/systemd/docker/abc",
    "/cg/unified/docker/abc",
  ]);
  t.same(directories(V1), [
    "/cg/devices/box",
    "/cg/cpu,cpuacct/own/box",
    "/cg/systemd/own/box",
    "/cg/unified/own/box",
  ]);
});

t.test("v2: an absolute path from the mount, a relative one from the parent of the own cgroup", async (t) => {
  t.same(directories(V2, "/docker/abc"), ["/cg/docker/abc"]);
  t.same(directories(V2, "sub/abc"), ["/cg/user.slice/sub/abc"]);
  t.same(directories(V2), ["/cg/user.slice/box"]);
  const atRoot: Hierarchies = {
    layout: "v2",
    mounts: [{ controllers: [""], mountpoint: "/cg", own: "/cg" }],
  };
  t.same(directories(atRoot), ["/cg/box"]);
});

t.test("the record of a plan names every controller's directory and nothing as made", async (t) => {
  const plan = planCgroup({
    spec: { linux: { cgroupsPath: "/x" } },
    id: "box",
    systemd: undefined,
    hierarchies: V1,
  });
  t.same(plannedRecord(plan), {
    driver: "v1",
    paths: {
      devices: "/cg/devices/x",
      cpu: "/cg/cpu,cpuacct/x",
      cpuacct: "/cg/cpu,cpuacct/x",
      "name=systemd": "/cg/systemd/x",
      "": "/cg/unified/x",
    },
    created: [],
  });
});

t.test("unified resources need v2", async (t) => {
  const spec: CgroupSpec = { linux: { resources: { unified: { "memory.min": "4096" } } } };
  t.throws(() => planCgroup({ spec, id: "box", systemd: undefined, hierarchies: V1 }), {
    code: "E_CONFIG",
    message: "invalid configuration: cannot use unified on cgroup v1",
  });
  t.doesNotThrow(() => planCgroup({ spec, id: "box", systemd: undefined, hierarchies: V2 }));
});

/** Limits for which v2 has no file, by the JSON pointer in the error. */
const V1_ALONE: readonly (readonly [pointer: string, resources: Resources])[] = [
  ["/memory/swappiness", { memory: { swappiness: 0 } }],
  ["/memory/disableOOMKiller", { memory: { disableOOMKiller: true } }],
  ["/cpu/realtimePeriod", { cpu: { realtimePeriod: 1000000 } }],
  ["/cpu/realtimeRuntime", { cpu: { realtimeRuntime: 950000 } }],
  ["/blockIO/leafWeight", { blockIO: { leafWeight: 10 } }],
  [
    "/blockIO/weightDevice/1/leafWeight",
    {
      blockIO: {
        weightDevice: [
          { major: 8, minor: 0, weight: 10 },
          { major: 8, minor: 16, leafWeight: 10 },
        ],
      },
    },
  ],
  ["/network/classID", { network: { classID: 1 } }],
  ["/network/priorities", { network: { priorities: [{ name: "lo", priority: 1 }] } }],
];

for (const [pointer, resources] of V1_ALONE) {
  t.test(`v2 has nothing like ${pointer}: it is refused by create and update`, async (t) => {
    const spec: CgroupSpec = { linux: { resources } };
    const refusal = { code: "E_CONFIG", hint: /^leave it out; / };
    t.throws(() => planCgroup({ spec, id: "box", systemd: undefined, hierarchies: V2 }), {
      ...refusal,
      message: `cannot set /linux/resources${pointer}: cgroup v2 has no such limit`,
    });
    t.throws(() => assertUsable(resources, { driver: "v2", at: "" }), {
      ...refusal,
      message: `cannot set ${pointer}: cgroup v2 has no such limit`,
    });
    t.doesNotThrow(() => planCgroup({ spec, id: "box", systemd: undefined, hierarchies: V1 }));
  });
}

t.test("v2: all that cannot be set is told in one line", async (t) => {
  const resources: Resources = { network: { classID: 1 }, memory: { swappiness: 5 } };
  t.throws(() => assertUsable(resources, { driver: "v2", at: "/r" }), {
    message: "cannot set /r/memory/swappiness, /r/network/classID: cgroup v2 has no such limit",
  });
});

t.test('v2: what means "not set" is not refused', async (t) => {
  const resources: Resources = {
    memory: { swappiness: 2 ** 64, disableOOMKiller: false, useHierarchy: true },
    cpu: { realtimePeriod: 0, realtimeRuntime: 0 },
    blockIO: { leafWeight: 0, weightDevice: [{ major: 8, minor: 0, weight: 10, leafWeight: 0 }] },
    network: { classID: 0, priorities: [] },
  };
  t.doesNotThrow(() => assertUsable(resources, { driver: "v2", at: "" }));
  t.doesNotThrow(() => assertUsable({ memory: { swappiness: -1 } }, { driver: "v2", at: "" }));
});

t.test("a realtime budget is written before anything can join", async (t) => {
  const spec: CgroupSpec = { linux: { resources: { cpu: { realtimeRuntime: 950000 } } } };
  t.same(planCgroup({ spec, id: "box", systemd: undefined, hierarchies: V1 }).beforeJoin, [
    { file: "cpu.rt_runtime_us", value: "950000" },
  ]);
});

t.test("v2: the process' user owns the cgroup when it may divide it", async (t) => {
  const owner = (linux: CgroupSpec["linux"], options: string[] = [], uid = 0): number | undefined => {
    const spec: CgroupSpec = {
      process: { user: { uid } },
      mounts: [{ type: "proc" }, { type: "cgroup", options }],
      ...(linux === undefined ? {} : { linux }),
    };
    return planCgroup({ spec, id: "box", systemd: undefined, hierarchies: V2 }).owner;
  };
  const uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
  const namespaces = [{ type: "cgroup" }, { type: "user" }];
  t.equal(owner({ namespaces, uidMappings }), 100000);
  t.equal(owner({ namespaces, uidMappings }, ["nosuid", "rw"], 33), 100033);
  t.equal(owner({ namespaces, uidMappings }, ["ro"]), undefined, "mounted read-only");
  t.equal(owner({ namespaces, uidMappings }, [], 70000), undefined, "a user who is not mapped");
  t.equal(owner({ namespaces: [{ type: "cgroup" }] }, [], 5), 5, "no user namespace");
  t.equal(owner({ namespaces: [{ type: "cgroup", path: "/proc/1/ns/cgroup" }] }), undefined, "a joined one");
  t.equal(owner({ namespaces: [{ type: "user" }], uidMappings }), undefined, "the host's cgroup namespace");
});

t.test("what is given away lies below the cgroup, and belongs to the container's root", async (t) => {
  const mapped = { namespaces: [{ type: "user" }], uidMappings: [{ containerID: 0, hostID: 1000, size: 9 }] };
  const plan = (annotations: { delegate?: string; subgroup?: string }, hierarchies = V2) =>
    planCgroup({
      spec: { linux: { ...mapped, cgroupsPath: "/x" } },
      id: "box",
      systemd: undefined,
      hierarchies,
      annotations,
    });
  t.match(plan({ delegate: "a/b" }), { directories: [{ path: "/cg/x" }], owner: 1000, delegate: "a/b" });
  t.match(plan({}), { owner: undefined, delegate: undefined });
  const error = {
    code: "E_CGROUP",
    message: /annotations\/run.oci.delegate-cgroup asks for: it needs cgroup v2/,
  };
  t.throws(() => plan({ delegate: "a" }, V1), error);
  t.throws(() => plan({ delegate: "a" }, { layout: "none", mounts: [] }), {
    message: /no cgroup is mounted/,
  });
  // Without systemd it has no effect, not even on v1.
  t.match(plan({ subgroup: "a" }), { directories: [{ path: "/cg/x" }], subgroup: undefined });
  t.doesNotThrow(() => plan({ subgroup: "a" }, V1));
});
