// Plans mounts of `type: cgroup`, the container's view of its control groups, as runc does (mountCgroupV1,
// mountCgroupV2). Pure; called by plan.ts.

import {
  MOUNT_ATTR_RDONLY,
  MS_BIND,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_REC,
} from "../../linux/numbers/mount.ts";
import { type ParsedOptions, parseMountOptions } from "./mount-options.ts";
import {
  checkedDestination,
  type FilesystemMount,
  type MountPlan,
  type MountRequest,
  planBind,
  planFilesystem,
} from "./mounts.ts";
import { nameOf } from "./paths.ts";

/** Facts about the host that a cgroup mount needs. */
export interface CgroupLayout {
  readonly v2: boolean;
  /** Where the host has the unified hierarchy. */
  readonly unifiedMount?: string | undefined;
  /** The container's own directory in it. */
  readonly unifiedPath?: string | undefined;
  readonly hierarchies: readonly CgroupHierarchy[];
  readonly cgroupNamespace: boolean;
}

/** A v1 hierarchy. */
export interface CgroupHierarchy {
  /** `memory`, `cpu,cpuacct`, `name=systemd` */
  readonly controllers: string;
  readonly mountpoint: string;
  /** The container's own directory in it, as a path of the host. */
  readonly containerPath: string;
  /**
   * tsrun's own directory: an ordinary user's container stays there if it cannot have its own cgroup.
   */
  readonly ownPath?: string | undefined;
}

const USUAL_FLAGS = MS_NOEXEC | MS_NOSUID | MS_NODEV;

export function planCgroupMount(request: MountRequest, layout: CgroupLayout): MountPlan[] {
  const parsed = parseMountOptions(request.mount.options ?? []);
  checkedDestination(request, "other");
  return layout.v2 ? [planV2(request, { parsed, layout })] : planV1(request, { parsed, layout });
}

interface CgroupRequest {
  readonly parsed: ParsedOptions;
  readonly layout: CgroupLayout;
}

function planV2(request: MountRequest, { parsed, layout }: CgroupRequest): MountPlan {
  // A user namespace without its own cgroup namespace may not mount cgroup2: bind the host's, or the part of
  // it that the namespace would have shown.
  const host = layout.unifiedMount ?? "/sys/fs/cgroup";
  const source = layout.cgroupNamespace ? (layout.unifiedPath ?? host) : host;
  const bind = planBind(
    { ...request, mount: { ...request.mount, source } },
    { ...parsed, data: [], setFlags: parsed.setFlags | MS_BIND },
  );
  const mount = planFilesystem(request, { parsed, type: "cgroup2" });
  if (bind.kind !== "bind") return mount;
  return { ...mount, otherwise: bind, lastResort: planMask(request, layout) };
}

/**
 * AS RUNC: an ordinary user's container without its own cgroup must not see the host's cgroups writable, even
 * if all of /sys is bound. The tmpfs has two inodes, since Ubuntu's Linux 5.4 accepts no fewer.
 */
function planMask(request: MountRequest, { cgroupNamespace }: CgroupLayout): FilesystemMount | undefined {
  if (!cgroupNamespace) return undefined;
  const parsed = { ...NOTHING, setFlags: MS_RDONLY, data: ["nr_blocks=1", "nr_inodes=2"] };
  const mask = planFilesystem(
    { ...request, mount: { ...request.mount, source: "tmpfs" } },
    { parsed, type: "tmpfs" },
  );
  const now = { superblock: ["ro"], attributes: MOUNT_ATTR_RDONLY, readonlyLater: false };
  return { ...mask, ...now, inheritsMode: false };
}

/**
 * A tmpfs with a directory for each hierarchy, and links from `cpu` to `cpu,cpuacct` if they share one.
 */
function planV1(request: MountRequest, { parsed, layout }: CgroupRequest): MountPlan[] {
  const { propagation } = parsed;
  const tree: ParsedOptions = { ...NOTHING, setFlags: USUAL_FLAGS, propagation, data: ["mode=755"] };
  const tmpfs = planFilesystem(
    { ...request, mount: { ...request.mount, source: "tmpfs" } },
    { parsed: tree, type: "tmpfs" },
  );
  const plans: MountPlan[] = [tmpfs];
  const links: MountPlan[] = [];
  for (const hierarchy of layout.hierarchies) {
    const name = nameOf(hierarchy.mountpoint);
    const destination = `${tmpfs.destination}/${name}`;
    plans.push(
      planHierarchy({ ...request, mount: { ...request.mount, destination } }, parsed, { hierarchy, layout }),
    );
    if (!name.includes(",")) continue;
    for (const controller of name.split(",")) {
      const link = `${tmpfs.destination}/${controller}`;
      links.push({ kind: "symlink", index: request.index, destination: link, target: name });
    }
  }
  return [...plans, ...links];
}

interface OneHierarchy {
  readonly hierarchy: CgroupHierarchy;
  readonly layout: CgroupLayout;
}

function planHierarchy(
  request: MountRequest,
  parsed: ParsedOptions,
  { hierarchy, layout }: OneHierarchy,
): MountPlan {
  if (!layout.cgroupNamespace) {
    const source = hierarchy.containerPath;
    const flags = parsed.setFlags | MS_BIND | MS_REC;
    const bind = planBind(
      { ...request, mount: { ...request.mount, source } },
      { ...parsed, data: [], setFlags: flags },
    );
    return bind.kind === "bind" ? { ...bind, otherSource: hierarchy.ownPath } : bind;
  }
  // A new mount shows the root of the cgroup namespace.
  const named = hierarchy.controllers.startsWith("name=");
  const source = named ? hierarchy.controllers.slice("name=".length) : "cgroup";
  const flags = USUAL_FLAGS | (parsed.setFlags & MS_RDONLY);
  return planFilesystem(
    { ...request, mount: { ...request.mount, source } },
    { parsed: { ...NOTHING, setFlags: flags, data: [hierarchy.controllers] }, type: "cgroup" },
  );
}

const NOTHING: ParsedOptions = {
  setFlags: 0,
  clearFlags: 0,
  propagation: [],
  recSet: 0,
  recClear: 0,
  data: [],
  extensions: new Set(),
};
