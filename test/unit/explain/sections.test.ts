// Everything in a configuration is in its explanation: tested with a configuration that has a distinct value
// in every place, on a host with cgroup v2 and on one with v1.

import t from "tap";
import type { Hierarchies } from "../../../src/cgroups/hierarchies.ts";
import { planCgroup } from "../../../src/cgroups/plan.ts";
import { CAPABILITY_WORDS } from "../../../src/explain/capabilities.ts";
import type { ExplainedPlan, Section } from "../../../src/explain/model.ts";
import { describePlan } from "../../../src/explain/sections.ts";
import { CAPABILITY_NAMES } from "../../../src/linux/numbers/capabilities.ts";
import { planNamespaces } from "../../../src/namespaces/plan.ts";
import { planProcess } from "../../../src/process/plan.ts";
import { planRootfs } from "../../../src/rootfs/plan/plan.ts";
import { planFilter } from "../../../src/seccomp/plan.ts";
import { readAnnotations } from "../../../src/spec/annotations.ts";
import type { Spec } from "../../../src/spec/types.ts";

const V2: Hierarchies = {
  layout: "v2",
  mounts: [{ controllers: [""], mountpoint: "/cg", own: "/cg" }],
} as unknown as Hierarchies;

const V1: Hierarchies = {
  layout: "v1",
  mounts: ["memory", "cpu", "pids", "devices", "cpuset", "blkio", "net_cls"].map((name) => ({
    controllers: [name],
    mountpoint: `/cg/${name}`,
    own: `/cg/${name}`,
  })),
} as unknown as Hierarchies;

function describe(spec: Spec, hierarchies: Hierarchies = V2, missing: string[] = []): readonly Section[] {
  const { process = { cwd: "/" }, linux } = spec;
  const cgroups = { v2: true, unifiedMount: "/cg", unifiedPath: "/cg/the-group", hierarchies: [] };
  const options = { id: "the-id", bundle: "/b", noPivot: false, noNewKeyring: false, preserveFds: 0 };
  const plan: ExplainedPlan = {
    bundle: { path: "/b", spec, oddKeys: [], warnings: [], text: "", rootfs: "/b/rootfs" },
    options,
    annotations: readAnnotations(spec),
    rootless: false,
    namespaces: planNamespaces(spec),
    cgroup: planCgroup({ spec, id: "the-id", systemd: undefined, hierarchies }),
    rootfs: planRootfs({
      spec,
      bundle: "/b",
      noPivot: false,
      cgroups: { ...cgroups, cgroupNamespace: false },
      userNamespace: false,
    }),
    process: planProcess({ kind: "init", id: "the-id", process, linux, newKeyring: true }),
    filter: linux?.seccomp === undefined ? undefined : planFilter(linux.seccomp),
    missingFiles: new Set(missing),
  };
  return describePlan(plan);
}

const FULL: Spec = {
  ociVersion: "1.2.0",
  hostname: "the-host",
  domainname: "the-domain",
  root: { path: "rootfs", readonly: true },
  process: {
    args: ["the-program", "the-argument"],
    cwd: "/the/directory",
    env: ["THE_NAME=the-value"],
    user: { uid: 4711, gid: 4712, additionalGids: [4713], umask: 0o27 },
    noNewPrivileges: true,
    apparmorProfile: "the-profile",
    selinuxLabel: "the-label",
    oomScoreAdj: 777,
    rlimits: [{ type: "RLIMIT_NOFILE", soft: 1111, hard: 2222 }],
    capabilities: { bounding: ["CAP_KILL"] },
    scheduler: { policy: "SCHED_BATCH", nice: 13 },
    ioPriority: { class: "IOPRIO_CLASS_IDLE", priority: 3 },
  },
  mounts: [
    { destination: "/new", type: "tmpfs", source: "the-tmpfs", options: ["noexec", "size=3m"] },
    { destination: "/bound", type: "bind", source: "/the/source", options: ["rbind", "ro", "rshared"] },
    { destination: "/below", type: "bind", source: "/x", options: ["rbind", "rro"] },
  ],
  hooks: { prestart: [{ path: "/the/hook", args: ["hook", "hook-argument"], timeout: 9 }] },
  linux: {
    cgroupsPath: "/the-group",
    namespaces: [
      { type: "mount" },
      { type: "user" },
      { type: "pid", path: "/the/namespace" },
      { type: "time" },
    ],
    uidMappings: [{ containerID: 5, hostID: 6000, size: 10 }],
    gidMappings: [{ containerID: 7, hostID: 8000, size: 1 }],
    timeOffsets: { monotonic: { secs: 3600 } },
    sysctl: { "net.the.key": "the-number" },
    devices: [{ path: "/dev/mine", type: "c", major: 10, minor: 229, fileMode: 0o640, uid: 44, gid: 55 }],
    rootfsPropagation: "rshared",
    maskedPaths: ["/masked/path"],
    readonlyPaths: ["/readonly/path"],
    mountLabel: "the-mount-label",
    personality: { domain: "LINUX32" },
    netDevices: { eth7: { name: "inside7" } },
    intelRdt: { closID: "the-class", l3CacheSchema: "L3:0=f" },
    seccomp: {
      defaultAction: "SCMP_ACT_KILL_PROCESS",
      architectures: ["SCMP_ARCH_ARM"],
      syscalls: [{ names: ["thecall"], action: "SCMP_ACT_ERRNO", errnoRet: 99 }],
    },
    resources: {
      memory: { limit: 333_000_000 },
      pids: { limit: 444 },
      cpu: { quota: 55_500, period: 66_600 },
      devices: [{ allow: true, type: "b", major: 88, minor: 99, access: "rw" }],
      unified: { "memory.high": "12345" },
    },
  },
};

const SAID = [
  ...["the-host", "the-domain", "/b/rootfs", "the-program the-argument", "/the/directory", "the-value"],
  ...["4711", "4712", "4713", "027", "the-profile", "the-label", "777", "1111", "2222", "CAP_KILL"],
  ...["SCHED_BATCH", "nice 13", "IOPRIO_CLASS_IDLE 3", "noexec", "size=3m", "the-tmpfs", "/the/source"],
  ...["rshared", "it and all below: ro", "/the/hook hook-argument", "9 s", "/cg/the-group", "/the/namespace"],
  ...[
    "5 to 14",
    "6000 to 6009",
    "8000",
    "3600 s",
    "net.the.key",
    "the-number",
    "/dev/mine",
    "10:229",
    "0640",
  ],
  ...[
    "44:55",
    "/masked/path",
    "/readonly/path",
    "the-mount-label",
    "LINUX32",
    "eth7",
    "inside7",
    "the-class",
  ],
  ...["L3:0=f", "ends the process", "arm", "thecall", "fails with errno 99", "333000000 (317.6 MiB)", "444"],
  ...["55500 66600", "block 88:99", "memory.high", "12345", "_ses.the-id", "read-only"],
];

t.test("everything that is asked for is said", async (t) => {
  const text = JSON.stringify(describe(FULL)).replaceAll('\\"', '"');
  for (const said of SAID) t.ok(text.includes(said), said);
});

t.test("topics come in one order, each once, with every column filled in", async (t) => {
  const topics = describe(FULL).map(({ topic }) => topic);
  t.equal(new Set(topics).size, topics.length);
  t.strictSame(topics.slice(0, 4), ["cgroup", "namespaces", "ids", "clocks"]);
  t.equal(topics.at(-1), "command");
  for (const { table, topic } of describe(FULL)) {
    for (const row of table?.rows ?? []) {
      for (const [key] of table?.columns ?? []) t.type(row[key], "string", `${topic} ${key}`);
    }
  }
});

t.test("paragraphs are sentences, and titles say what they are about", async (t) => {
  for (const { title, text, notes = [] } of describe(FULL)) {
    t.match(title, /^[A-Z][^.]*$/);
    for (const one of [...text, ...notes]) t.match(one, /[.:]$|execve\(2\): /, one);
  }
});

t.test("limits are said with the file of the host's hierarchy", async (t) => {
  const filesOf = (sections: readonly Section[]) =>
    sections.find(({ topic }) => topic === "limits")?.table?.rows.map(({ file }) => file);
  const { unified: _, ...resources } = FULL.linux?.resources ?? {};
  const spec = { ...FULL, linux: { ...FULL.linux, resources } };
  t.strictSame(filesOf(describe(spec, V1)), [
    "/cg/memory/the-group/memory.limit_in_bytes",
    "/cg/cpu/the-group/cpu.cfs_period_us",
    "/cg/cpu/the-group/cpu.cfs_quota_us",
    "/cg/pids/the-group/pids.max",
  ]);
  t.strictSame(filesOf(describe(spec, V2)), [
    "/cg/the-group/pids.max",
    "/cg/the-group/memory.max",
    "/cg/the-group/cpu.max",
  ]);
  const weight = { ...FULL, linux: { ...FULL.linux, resources: { blockIO: { weight: 500 } } } };
  t.strictSame(filesOf(describe(weight)), ["/cg/the-group/io.bfq.weight"]);
  t.strictSame(filesOf(describe(weight, V2, ["io.bfq.weight"])), ["/cg/the-group/io.weight"]);
  t.strictSame(filesOf(describe(weight, V1, ["blkio.weight"])), ["/cg/blkio/the-group/blkio.bfq.weight"]);
});

t.test("a bare configuration is explained too", async (t) => {
  const sections = describe({ ociVersion: "1.0.0", root: { path: "r" }, process: { cwd: "/", args: ["x"] } });
  const topics = sections.map(({ topic }) => topic);
  for (const topic of ["hooks", "ids", "paths", "rlimits", "rdt"]) t.notOk(topics.includes(topic), topic);
  t.match(JSON.stringify(sections), "None are asked for");
  t.match(JSON.stringify(sections), "There is no profile");
});

t.test("every capability has words", async (t) => {
  t.strictSame(Object.keys(CAPABILITY_WORDS), [...CAPABILITY_NAMES]);
});
