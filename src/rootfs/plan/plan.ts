// Plans a container's root from its configuration. Pure; called by create, and by `explain`. runtime-spec
// config.md#root, #mounts and config-linux.md.

import { TsrunError } from "../../errors.ts";
import { MS_PRIVATE, MS_REC, MS_SHARED, MS_SLAVE, MS_UNBINDABLE } from "../../linux/numbers/mount.ts";
import type { MountContext } from "../../spec/annotations.ts";
import { namespaceOf } from "../../spec/semantics/report.ts";
import type { Mount, Spec } from "../../spec/types.ts";
import { type CgroupLayout, planCgroupMount } from "./cgroup.ts";
import { type DevicePlan, planDevices } from "./devices.ts";
import { withLabel } from "./label.ts";
import { type MountPlan, type MountRequest, planMount } from "./mounts.ts";
import { cleanPath, climbs } from "./paths.ts";

export interface RootfsPlan {
  /** Absolute path on the host. */
  readonly rootfs: string;
  /** Propagation of the whole tree before anything is mounted; `undefined` in the host's mount namespace. */
  readonly treePropagation: number | undefined;
  /** Propagation of the container's root, once it is `/`. */
  readonly rootPropagation: number | undefined;
  readonly change: RootChange;
  /** The mount namespace exists already, so paths may lead to other files there than for tsrun. */
  readonly joinsMounts: boolean;
  /** The mounts are made in the host's own mount namespace. */
  readonly onHost: boolean;
  readonly mounts: readonly MountPlan[];
  /** Whether tsrun fills /dev. */
  readonly setsUpDev: boolean;
  readonly devices: readonly DevicePlan[];
  /** Bind the host's nodes, since mknod(2) is not allowed. */
  readonly bindDevices: boolean;
  readonly readonlyRoot: boolean;
  readonly readonlyPaths: readonly string[];
  readonly maskedPaths: readonly string[];
  /** SELinux context for the mounts. */
  readonly mountLabel: string | undefined;
  /** The mount option for that context. */
  readonly mountContext: MountContext;
}

/**
 * pivot_root(2); MS_MOVE and chroot(2), for a root that cannot be left (an initramfs); or chroot(2) alone.
 */
export type RootChange = "pivot_root" | "move" | "chroot";

export interface RootfsRequest {
  readonly spec: Spec;
  /** Absolute path of the bundle directory. */
  readonly bundle: string;
  /** `--no-pivot` */
  readonly noPivot: boolean;
  readonly cgroups: CgroupLayout;
  /** `run.oci.mount_context_type` */
  readonly mountContext?: MountContext;
  /** The container's user namespace is not the initial one: it is new, joined, or tsrun's own. */
  readonly userNamespace: boolean;
}

const PROPAGATION: Readonly<Record<string, number>> = {
  shared: MS_SHARED,
  rshared: MS_SHARED | MS_REC,
  slave: MS_SLAVE,
  rslave: MS_SLAVE | MS_REC,
  private: MS_PRIVATE,
  rprivate: MS_PRIVATE | MS_REC,
  unbindable: MS_UNBINDABLE,
  runbindable: MS_UNBINDABLE | MS_REC,
};

export function planRootfs(request: RootfsRequest): RootfsPlan {
  const { spec, bundle, noPivot, userNamespace, mountContext = "context" } = request;
  const rootfs = rootPath(spec, bundle);
  const linux = spec.linux ?? {};
  const isolated = namespaceOf(spec, "mount") !== undefined;
  const asked = askedPropagation(linux.rootfsPropagation);
  if (noPivot && !isolated) {
    // DIFFERS: runc unmounts the host's own /proc and /sys, and moves the root over the host's.
    throw new TsrunError("E_CONFIG", "--no-pivot would cover the host's root file system", {
      hint: 'it needs a mount namespace: add {"type": "mount"} to linux.namespaces',
    });
  }
  if (noPivot && asked !== undefined && (asked & MS_PRIVATE) !== 0) {
    throw new TsrunError("E_CONFIG", "rootfsPropagation of [r]private is not safe without pivot_root");
  }
  const readonlyPaths = linux.readonlyPaths ?? [];
  const maskedPaths = linux.maskedPaths ?? [];
  if (!isolated && readonlyPaths.length + maskedPaths.length > 0) {
    throw new TsrunError("E_CONFIG", "unable to restrict sys entries without a private MNT namespace", {
      hint: 'add {"type": "mount"} to linux.namespaces, or remove linux.maskedPaths and linux.readonlyPaths',
    });
  }
  const mountLabel = linux.mountLabel === "" ? undefined : linux.mountLabel;
  const planned = planMounts(request, rootfs);
  const mounts =
    mountLabel === undefined ? planned : planned.map((mount) => withLabel(mount, mountLabel, mountContext));
  const setsUpDev = !bindsDev(mounts);
  return {
    rootfs,
    // DIFFERS: runc changes the propagation of the host's own mounts when it shares its namespace.
    treePropagation: isolated ? treePropagation(asked) : undefined,
    // The root is MS_PRIVATE already (runc: prepareRootfs).
    rootPropagation: asked !== undefined && (asked & MS_PRIVATE) === 0 ? asked : undefined,
    change: noPivot ? "move" : isolated ? "pivot_root" : "chroot",
    joinsMounts: namespaceOf(spec, "mount")?.path !== undefined,
    onHost: !isolated,
    mounts,
    setsUpDev,
    devices: setsUpDev ? planDevices(linux.devices ?? []) : [],
    bindDevices: userNamespace,
    readonlyRoot: spec.root?.readonly === true,
    readonlyPaths: unique(readonlyPaths),
    maskedPaths: unique(maskedPaths),
    mountLabel,
    mountContext,
  };
}

function rootPath(spec: Spec, bundle: string): string {
  const path = spec.root?.path ?? "";
  const rootfs = cleanPath(path.startsWith("/") ? path : `${bundle}/${path}`);
  if (rootfs !== "/") return rootfs;
  throw new TsrunError("E_CONFIG", 'cannot use "/" as the root of a container', {
    hint: "root.path names the directory that holds the container's files",
  });
}

/** AS RUNC: by default the host's mounts appear in the container, but not the other way round. */
function treePropagation(asked: number | undefined): number {
  return asked ?? MS_SLAVE | MS_REC;
}

/** The plan's `treePropagation`, for an existing container. */
export function treePropagationOf(spec: Spec): number | undefined {
  if (namespaceOf(spec, "mount") === undefined) return undefined;
  return treePropagation(askedPropagation(spec.linux?.rootfsPropagation));
}

function askedPropagation(name: string | undefined): number | undefined {
  if (name === undefined || name === "") return undefined;
  const flags = Object.hasOwn(PROPAGATION, name) ? PROPAGATION[name] : undefined;
  if (flags !== undefined) return flags;
  throw new TsrunError("E_CONFIG", `rootfsPropagation=${name} is not supported`, {
    hint: `it is one of ${Object.keys(PROPAGATION).join(", ")}`,
  });
}

function planMounts({ spec, bundle, cgroups }: RootfsRequest, rootfs: string): MountPlan[] {
  const plans: MountPlan[] = [];
  const mounts = spec.mounts ?? [];
  const userNamespace = namespaceOf(spec, "user") !== undefined;
  for (let index = 0; index < mounts.length; index++) {
    addMount({ mount: mounts[index] as Mount, index, rootfs, bundle, userNamespace }, cgroups, plans);
  }
  return plans;
}

/** Plans one entry of `mounts`: one mount, or several for the hierarchies of cgroup v1. */
export function planMountEntry(
  { spec, bundle, cgroups }: Pick<RootfsRequest, "spec" | "bundle" | "cgroups">,
  rootfs: string,
  index: number,
): MountPlan[] {
  const mount = spec.mounts?.[index];
  if (mount === undefined) return [];
  const userNamespace = namespaceOf(spec, "user") !== undefined;
  const plans: MountPlan[] = [];
  addMount({ mount, index, rootfs, bundle, userNamespace }, cgroups, plans);
  return plans;
}

function addMount(request: MountRequest, cgroups: CgroupLayout, plans: MountPlan[]): void {
  const { mount } = request;
  if (mount.type === "cgroup" && !isBind(mount)) plans.push(...planCgroupMount(request, cgroups));
  else plans.push(planMount(request));
}

function isBind({ options = [] }: Mount): boolean {
  return options.includes("bind") || options.includes("rbind");
}

function bindsDev(mounts: readonly MountPlan[]): boolean {
  for (const mount of mounts) if (mount.kind === "bind" && mount.destination === "/dev") return true;
  return false;
}

/**
 * DIFFERS: runc covers a path as often as it is listed. A path with `..` stays unchanged: where it leads
 * depends on the links in it.
 */
function unique(paths: readonly string[]): string[] {
  const clean = new Set<string>();
  for (const path of paths) clean.add(climbs(path) ? path : cleanPath(path));
  return [...clean];
}
