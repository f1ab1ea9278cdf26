// Finds the host's cgroup mounts and the caller's own cgroups, from the text of /proc/self/mountinfo and
// /proc/self/cgroup (proc(5), cgroups(7)). Pure; host.ts reads the two files.

import { unescapeOctal } from "../linux/process/proc-text.ts";

/** One mounted cgroup hierarchy. */
export interface Hierarchy {
  /**
   * `["memory"]`, `["cpu", "cpuacct"]` if mounted together, `["name=systemd"]`; `[""]` is the unified
   * hierarchy.
   */
  readonly controllers: readonly string[];
  readonly mountpoint: string;
  /** The caller's own cgroup as an absolute directory below the mount point. */
  readonly own: string;
}

export interface Hierarchies {
  /** `hybrid`: the controllers are in v1 hierarchies, and there is a unified hierarchy without any. */
  readonly layout: "v1" | "hybrid" | "v2" | "none";
  readonly mounts: readonly Hierarchy[];
}

/**
 * Where every distribution mounts them. A mount elsewhere counts only if its controller is not mounted here.
 */
const USUAL = "/sys/fs/cgroup";

interface Mount {
  readonly id: string;
  readonly parent: string;
  readonly root: string;
  readonly mountpoint: string;
  readonly type: string;
  readonly superOptions: readonly string[];
}

/**
 * Reads the two files of proc(5). Only lines about cgroups are split: a host may have thousands of mounts.
 * Uses loops, like all code that a creation runs for many elements, because `filter`, `map` and the like make
 * a call per element, which costs more than the work (docs/adr/0005-cgroups.md).
 */
export function parseHierarchies(mountinfo: string, selfCgroup: string): Hierarchies {
  const places = parseSelfCgroup(selfCgroup);
  const chosen: Hierarchy[] = [];
  for (const mount of visibleMounts(mountinfo)) {
    const controllers = controllersOf(mount, places);
    const [first] = controllers;
    if (first === undefined) continue;
    const index = indexOfController(chosen, first);
    const known = chosen[index];
    // A mount at the usual place wins over one elsewhere; of two at one place the later is on top.
    if (known !== undefined && !isUsual(mount.mountpoint) && mount.mountpoint !== known.mountpoint) continue;
    const own = ownDirectory(mount, places.get(first) ?? "/");
    chosen[known === undefined ? chosen.length : index] = { controllers, mountpoint: mount.mountpoint, own };
  }
  return layOut(chosen);
}

function controllersOf({ type, superOptions }: Mount, places: ReadonlyMap<string, string>): string[] {
  if (type === "cgroup2") return [""];
  const controllers: string[] = [];
  for (const option of superOptions) if (places.has(option)) controllers.push(option);
  return controllers;
}

function indexOfController(mounts: readonly Hierarchy[], controller: string): number {
  let index = 0;
  while (index < mounts.length && mounts[index]?.controllers[0] !== controller) index++;
  return index;
}

function layOut(mounts: readonly Hierarchy[]): Hierarchies {
  if (mounts.length === 0) return { layout: "none", mounts };
  const unified = mounts[indexOfController(mounts, "")];
  if (unified === undefined) return { layout: "v1", mounts };
  const alone = unified.mountpoint === USUAL || mounts.length === 1;
  return alone ? { layout: "v2", mounts: [unified] } : { layout: "hybrid", mounts };
}

/**
 * The cgroup mounts that can be reached: one below the usual place must be on the mount that is visible
 * there.
 */
function visibleMounts(mountinfo: string): Mount[] {
  const top = topMount(mountinfo);
  const reachable = [top];
  const mounts: Mount[] = [];
  for (let at = mountinfo.indexOf(CGROUP); at >= 0; at = mountinfo.indexOf(CGROUP, at + 1)) {
    const mount = parseMount(lineAround(mountinfo, at));
    if (mount === undefined) continue;
    if (top !== undefined && isUsual(mount.mountpoint)) {
      if (!reachable.includes(mount.id) && !reachable.includes(mount.parent)) continue;
      reachable.push(mount.id);
    }
    mounts.push(mount);
  }
  return mounts;
}

const CGROUP = " - cgroup";

/** The id of the topmost mount at the usual place. */
function topMount(mountinfo: string): string | undefined {
  const at = mountinfo.lastIndexOf(` ${USUAL} `);
  if (at < 0) return undefined;
  const line = lineAround(mountinfo, at);
  return line.slice(0, line.indexOf(" "));
}

function lineAround(text: string, at: number): string {
  const end = text.indexOf("\n", at);
  return text.slice(text.lastIndexOf("\n", at) + 1, end < 0 ? text.length : end);
}

/**
 * proc_pid_mountinfo(5): ids, device, root, mount point, options, tags, `-`, type, source, options of the
 * super block
 */
function parseMount(line: string): Mount | undefined {
  const separator = line.indexOf(" - ");
  const [id = "", parent = "", , root = "", mountpoint = ""] = line.slice(0, separator).split(" ");
  const [type = "", , superOptions = ""] = line.slice(separator + 3).split(" ");
  if (type !== "cgroup" && type !== "cgroup2") return undefined;
  return {
    id,
    parent,
    root: unescapeOctal(root),
    mountpoint: unescapeOctal(mountpoint),
    type,
    superOptions: superOptions.split(","),
  };
}

/** `4:memory:/a/b`: controller → cgroup; the unified hierarchy's line is `0::/a/b` (cgroups(7)). */
function parseSelfCgroup(selfCgroup: string): Map<string, string> {
  const places = new Map<string, string>();
  for (const line of selfCgroup.split("\n")) {
    const first = line.indexOf(":");
    const second = line.indexOf(":", first + 1);
    if (second < 0) continue;
    const place = line.slice(second + 1);
    for (const controller of line.slice(first + 1, second).split(",")) places.set(controller, place);
  }
  return places;
}

/**
 * The path of a process in the unified hierarchy, from the text of its /proc/PID/cgroup. A container may give
 * its cgroups any name without a newline, so a carriage return does not end a line here.
 */
export function unifiedPathIn(cgroup: string): string | undefined {
  return cgroup
    .split("\n")
    .find((line) => line.startsWith("0::/"))
    ?.slice(3);
}

/**
 * The directory of `place` below a mount that shows `mount.root` of the hierarchy. In a container
 * /proc/self/cgroup may name a path of the host that is not below the mounted part; then this is the mount
 * point itself.
 */
function ownDirectory(mount: Mount, place: string): string {
  const root = mount.root === "/" ? "" : mount.root;
  if (place === "/" || place === root) return mount.mountpoint;
  return place.startsWith(`${root}/`) && !place.includes("/..")
    ? mount.mountpoint + place.slice(root.length)
    : mount.mountpoint;
}

function isUsual(mountpoint: string): boolean {
  return mountpoint === USUAL || mountpoint.startsWith(`${USUAL}/`);
}
