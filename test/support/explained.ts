// A configuration that has a distinct value in every place, and the sections that explain one.

import type { Hierarchies } from "../../src/cgroups/hierarchies.ts";
import { planCgroup } from "../../src/cgroups/plan.ts";
import type { ExplainedPlan, Explanation, Section } from "../../src/explain/model.ts";
import { describePlan } from "../../src/explain/sections.ts";
import { withSources } from "../../src/explain/sources.ts";
import { planNamespaces } from "../../src/namespaces/plan.ts";
import { planProcess } from "../../src/process/plan.ts";
import { planRootfs } from "../../src/rootfs/plan/plan.ts";
import { planFilter } from "../../src/seccomp/plan.ts";
import { readAnnotations } from "../../src/spec/annotations.ts";
import { exampleSpec } from "../../src/spec/defaults.ts";
import type { Spec } from "../../src/spec/types.ts";

export const V2: Hierarchies = {
  layout: "v2",
  mounts: [{ controllers: [""], mountpoint: "/cg", own: "/cg" }],
} as unknown as Hierarchies;

export const V1: Hierarchies = {
  layout: "v1",
  mounts: ["memory", "cpu", "pids", "devices", "cpuset", "blkio", "net_cls"].map((name) => ({
    controllers: [name],
    mountpoint: `/cg/${name}`,
    own: `/cg/${name}`,
  })),
} as unknown as Hierarchies;

/** What is told of a configuration on a host with these cgroups. */
export function describe(
  spec: Spec,
  hierarchies: Hierarchies = V2,
  missing: string[] = [],
): readonly Section[] {
  const { process = { cwd: "/" }, linux } = spec;
  const cgroups = { v2: true, unifiedMount: "/cg", unifiedPath: "/cg/the-group", hierarchies: [] };
  const options = { id: "the-id", bundle: "/b", noPivot: false, noNewKeyring: false, preserveFds: 0 };
  const plan: ExplainedPlan = {
    bundle: { path: "/b", spec, oddKeys: [], warnings: [], text: "", rootfs: "/b/rootfs" },
    options,
    annotations: readAnnotations(spec),
    rootless: false,
    isUnseen: false,
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

/** Has a distinct value in every place. */
export const FULL: Spec = {
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

export interface ExplanationOptions {
  readonly hierarchies?: Hierarchies;
  /** Another configuration than the one whose text is searched, if that cannot be planned. */
  readonly plan?: Spec;
}

/** An explanation with its sources, of a configuration that is written as `spec` writes it. */
export function explanationOf(
  spec: Spec,
  { hierarchies = V2, plan = spec }: ExplanationOptions = {},
): Explanation {
  const explanation: Explanation = {
    subject: "bundle",
    id: "the-id",
    bundle: "/b",
    rootfs: "/b/rootfs",
    command: plan.process?.args ?? [],
    sections: describe(plan, hierarchies),
    warnings: [],
  };
  const source = { text: JSON.stringify(spec, null, 2) };
  return withSources(explanation, describe(exampleSpec(), hierarchies), { file: "/b/config.json", source });
}
