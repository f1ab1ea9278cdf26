// Plans a container's cgroup from its configuration and the host's hierarchies. Pure; called by the create
// story and by `explain`.

import { TsrunError } from "../errors.ts";
import { type Annotations, KEYS } from "../spec/annotations.ts";
import type { Resources } from "../spec/types.ts";
import { realtimeV1 } from "./controllers/cpu.ts";
import { deviceRules } from "./devices/rules.ts";
import type { Hierarchies, Hierarchy } from "./hierarchies.ts";
import { type CgroupPath, cgroupDirectory, resolveCgroupsPath, unifiedDirectory } from "./path.ts";
import type { CgroupPlan, PlannedDirectory } from "./planned.ts";
import type { CgroupRecord } from "./record.ts";
import { planUnit } from "./systemd/plan.ts";
import type { SystemdHost } from "./systemd/unit.ts";
import { assertUsable } from "./unusable.ts";

/**
 * The v1 hierarchies that runc joins, with or without limits. `devices` is first, because it is the one that
 * is checked for processes.
 */
const JOINED_V1 = [
  "devices",
  "cpuset",
  "memory",
  "cpu",
  "cpuacct",
  "pids",
  "blkio",
  "hugetlb",
  "net_cls",
  "net_prio",
  "perf_event",
  "freezer",
  "rdma",
  "name=systemd",
  "misc",
  "",
];

/** The parts of a configuration that concern its cgroup. */
export interface CgroupSpec {
  readonly annotations?: Readonly<Record<string, string>>;
  readonly process?: {
    readonly user?: { readonly uid?: number };
    readonly capabilities?: { readonly bounding?: readonly string[] };
  };
  readonly mounts?: readonly {
    readonly type?: string;
    readonly source?: string;
    readonly options?: readonly string[];
  }[];
  readonly linux?: {
    readonly cgroupsPath?: string;
    readonly resources?: Resources;
    readonly devices?: readonly { readonly path: string }[];
    readonly namespaces?: readonly { readonly type: string; readonly path?: string }[];
    readonly uidMappings?: readonly {
      readonly containerID: number;
      readonly hostID: number;
      readonly size: number;
    }[];
  };
}

export interface CgroupRequest {
  readonly spec: CgroupSpec;
  readonly id: string;
  /** With `--systemd-cgroup`: the systemd that makes the cgroup. */
  readonly systemd: SystemdHost | undefined;
  readonly hierarchies: Hierarchies;
  readonly annotations?: Divided;
}

type Divided = Partial<Pick<Annotations, "subgroup" | "delegate">>;

export function planCgroup(request: CgroupRequest): CgroupPlan {
  const { spec, id, systemd, hierarchies, annotations = {} } = request;
  const { linux = {} } = spec;
  const { resources = {} } = linux;
  const v2 = hierarchies.layout === "v2";
  const planned =
    systemd === undefined
      ? undefined
      : planUnit({
          cgroupsPath: linux.cgroupsPath,
          id,
          annotations: spec.annotations,
          host: systemd,
          v2,
          unified: resources.unified,
          mayDivide: mayDivide(spec),
        });
  // AS CRUN: the annotation is about systemd's unit, and is ignored without one.
  const subgroup = planned === undefined ? undefined : annotations.subgroup;
  const path =
    planned === undefined
      ? resolveCgroupsPath(linux.cgroupsPath, id)
      : { inner: below(planned.path.slice(1), subgroup), absolute: true, explicit: true };
  checkDivisible({ subgroup, delegate: annotations.delegate }, hierarchies);
  const driver = hierarchies.layout === "hybrid" ? "v1" : hierarchies.layout;
  assertUsable(resources, { driver, at: "/linux/resources" });
  return {
    driver,
    directories: v2 ? directoryV2(hierarchies.mounts, path) : directoriesV1(hierarchies.mounts, path),
    explicit: path.explicit,
    resources,
    devices: deviceRules(resources.devices ?? [], linux.devices ?? []),
    beforeJoin: v2 ? [] : realtimeV1(resources.cpu ?? {}),
    owner: v2 ? delegatedTo(spec, annotations) : undefined,
    unit: planned?.unit,
    ...(subgroup === undefined ? {} : { subgroup }),
    ...(annotations.delegate === undefined ? {} : { delegate: annotations.delegate }),
  };
}

/** For a container without a cgroup: it stays in its caller's, and only the limits of that apply. */
export const WITHOUT_CGROUP: CgroupPlan = {
  driver: "none",
  directories: [],
  isDisabled: true,
  explicit: false,
  resources: {},
  devices: [],
  beforeJoin: [],
  owner: undefined,
};

function below(path: string, subgroup: string | undefined): string {
  return subgroup === undefined ? path : `${path}/${subgroup}`;
}

/**
 * On v1 a process that may divide a cgroup may also change its limits. DIFFERS: crun makes a subgroup there
 * too.
 */
export function checkDivisible({ subgroup, delegate }: Divided, { layout }: Hierarchies): void {
  if (layout === "v2" || (subgroup ?? delegate) === undefined) return;
  const key = subgroup === undefined ? KEYS.delegate : KEYS.subgroup;
  const reason = layout === "none" ? "no cgroup is mounted here" : "it needs cgroup v2, and this host has v1";
  throw new TsrunError("E_CGROUP", `cannot do what /annotations/${key} asks for: ${reason}`, {
    hint: "leave the annotation out, or have cgroup v2 alone at /sys/fs/cgroup",
  });
}

/**
 * The record with everything that may be made. It is saved before the cgroup is made, so that the parts of an
 * interrupted creation can be removed.
 */
export function plannedRecord({ driver, directories, unit, isDisabled }: CgroupPlan): CgroupRecord {
  if (isDisabled === true) return { driver, paths: {}, created: [], isDisabled };
  const paths: Record<string, string> = {};
  for (const { controllers, path } of directories) for (const name of controllers) paths[name] = path;
  if (unit === undefined) return { driver, paths, created: [] };
  return { driver, paths, created: [], unit: { name: unit.name, user: unit.user } };
}

function directoryV2(mounts: readonly Hierarchy[], path: CgroupPath): PlannedDirectory[] {
  const [mount] = mounts;
  return mount === undefined ? [] : [planned(mount, unifiedDirectory(mount, path))];
}

/**
 * One directory per hierarchy, in the order of JOINED_V1.
 * DIFFERS: on a hybrid host runc puts the unified hierarchy's cgroup with a relative path below the root, not
 * below the caller's own cgroup.
 */
function directoriesV1(mounts: readonly Hierarchy[], path: CgroupPath): PlannedDirectory[] {
  const directories: PlannedDirectory[] = [];
  const seen: Hierarchy[] = [];
  for (const controller of JOINED_V1) {
    for (const mount of mounts) {
      if (!mount.controllers.includes(controller) || seen.includes(mount)) continue;
      seen.push(mount);
      directories.push(planned(mount, cgroupDirectory(mount, path)));
    }
  }
  return directories;
}

function planned({ controllers, mountpoint }: Hierarchy, path: string): PlannedDirectory {
  return { controllers, mountpoint, path };
}

/** Whether the container has a writable cgroup file system, or may mount one. */
function mayDivide({ process, mounts = [] }: CgroupSpec): boolean {
  if (process?.capabilities?.bounding?.includes("CAP_SYS_ADMIN") === true) return true;
  return mounts.some(({ type, source = "", options = [] }) => {
    const isBind = options.includes("bind") || options.includes("rbind");
    const holdsCgroups = isBind
      ? /^\/($|sys\/?$|sys\/fs(\/?$|\/cgroup))/.test(source)
      : type?.startsWith("cgroup");
    return holdsCgroups === true && !options.includes("ro");
  });
}

/**
 * A container with a new cgroup namespace and a writable cgroup mount may divide its cgroup, as may one with
 * an annotation that says so.
 * AS RUNC: the owner is the process's user as the host sees it; a user that is not mapped owns nothing.
 */
function delegatedTo(
  { process, mounts = [], linux = {} }: CgroupSpec,
  { delegate }: Divided,
): number | undefined {
  const namespaces = linux.namespaces ?? [];
  const isPrivate = (type: string): boolean =>
    namespaces.some((namespace) => namespace.type === type && (namespace.path ?? "") === "");
  const isWritable = (mount: (typeof mounts)[number]): boolean =>
    mount.type === "cgroup" && mount.options?.includes("ro") !== true;
  if (delegate === undefined && !(isPrivate("cgroup") && mounts.some(isWritable))) return undefined;
  const uid = process?.user?.uid ?? 0;
  if (!namespaces.some((namespace) => namespace.type === "user")) return uid;
  const range = (linux.uidMappings ?? []).find(
    ({ containerID, size }) => uid >= containerID && uid < containerID + size,
  );
  return range === undefined ? undefined : range.hostID + uid - range.containerID;
}
