// Where this host has its cgroups: the mounts and the caller's own place in them, read from the text of
// /proc/self/mountinfo and /proc/self/cgroup (proc(5), cgroups(7)). Pure; host.ts reads the two files.

/** One mounted cgroup hierarchy. */
export interface Hierarchy {
  /** `memory`, `cpu` and `cpuacct` when mounted together, `name=systemd`; `""` alone is the unified hierarchy. */
  readonly controllers: readonly string[];
  readonly mountpoint: string;
  /** The caller's own cgroup as an absolute directory below the mount point. */
  readonly own: string;
}

export interface Hierarchies {
  /** `hybrid` has its controllers in v1 hierarchies and the unified one, empty, beside them. */
  readonly layout: "v1" | "hybrid" | "v2" | "none";
  readonly mounts: readonly Hierarchy[];
}

/** Where every distribution mounts them; a mount elsewhere counts only for what is not mounted here. */
const USUAL = "/sys/fs/cgroup";

interface Mount {
  readonly id: string;
  readonly parent: string;
  readonly root: string;
  readonly mountpoint: string;
  readonly type: string;
  readonly superOptions: readonly string[];
}

/** Reads the two files of proc(5). Lines of no concern are not even split: a host may have thousands of mounts. */
export function parseHierarchies(mountinfo: string, selfCgroup: string): Hierarchies {
  const places = parseSelfCgroup(selfCgroup);
  const mounts = findMounts(mountinfo);
  const chosen = new Map<string, Hierarchy>();
  for (const mount of mounts) {
    const controllers =
      mount.type === "cgroup2" ? [""] : mount.superOptions.filter((option) => places.has(option));
    const [first] = controllers;
    if (first === undefined) continue;
    const known = chosen.get(first);
    // A mount at the usual place beats one elsewhere, and of two at one place the later lies on top.
    if (known !== undefined && !isUsual(mount.mountpoint) && mount.mountpoint !== known.mountpoint) continue;
    const own = ownDirectory(mount, places.get(first) ?? "/");
    chosen.set(first, { controllers, mountpoint: mount.mountpoint, own });
  }
  return layOut([...chosen.values()]);
}

function layOut(mounts: readonly Hierarchy[]): Hierarchies {
  const unified = mounts.find((mount) => mount.controllers[0] === "");
  const legacy = mounts.filter((mount) => mount !== unified);
  if (unified !== undefined && (unified.mountpoint === USUAL || legacy.length === 0)) {
    return { layout: "v2", mounts: [unified] };
  }
  if (legacy.length === 0) return { layout: "none", mounts: [] };
  return { layout: unified === undefined ? "v1" : "hybrid", mounts };
}

/** The visible cgroup mounts: one below the usual place must lie on what is mounted there now. */
function findMounts(mountinfo: string): Mount[] {
  const all: Mount[] = [];
  for (const line of linesWith(mountinfo, " - cgroup")) {
    const mount = parseMount(line);
    if (mount !== undefined) all.push(mount);
  }
  let top: string | undefined;
  for (const line of linesWith(mountinfo, ` ${USUAL} `)) top = line.slice(0, line.indexOf(" "));
  const visible = new Set(top === undefined ? [] : [top]);
  return all.filter((mount) => {
    if (top === undefined || !isUsual(mount.mountpoint)) return true;
    if (!visible.has(mount.id) && !visible.has(mount.parent)) return false;
    visible.add(mount.id);
    return true;
  });
}

function* linesWith(text: string, words: string): Generator<string> {
  for (let at = text.indexOf(words); at >= 0; at = text.indexOf(words, at + 1)) {
    const end = text.indexOf("\n", at);
    yield text.slice(text.lastIndexOf("\n", at) + 1, end < 0 ? undefined : end);
  }
}

/** proc_pid_mountinfo(5): ids, device, root, mount point, options, tags, `-`, type, source, options of the super block */
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
 * The directory of `place` below a mount that shows `mount.root` of the hierarchy. In a container /proc/self/cgroup
 * may name a path of the host that is not below what is mounted here; then the mount point itself is the nearest.
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

/** The kernel writes space, tab, newline and backslash of a path as three octal digits. */
function unescapeOctal(path: string): string {
  if (!path.includes("\\")) return path;
  return path.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
