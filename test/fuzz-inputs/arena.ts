// Where the inputs are tried: namespaces of their own, in which a configuration that happens to be valid
// finds nothing of the host to change. All file systems are read-only but one tmpfs; the control groups are
// below one of the arena's own; the arena's processes and mounts are all that there are.

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupHierarchies } from "../support/host.ts";

/** The tmpfs; empty on the host. */
export const FOLDER = "/tmp/fuzz-inputs";

const INSIDE = `
set -eu
mount --make-rprivate /
mount -t proc proc /proc
for hierarchy in $HIERARCHIES; do mount --bind "$hierarchy/$CGROUP" "$hierarchy"; done
awk '{ print $5 }' /proc/self/mountinfo | sort -u | while read -r target; do
  case $target in /sys/fs/cgroup*) continue ;; esac
  mount -o remount,bind,ro "$target" 2>/dev/null || true
done
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount -t tmpfs -o mode=755 tmpfs ${FOLDER}
exec "$@"
`;

/** Runs the same program again inside of an arena. Returns its exit status. */
export function enterArena(args: readonly string[]): number {
  const cgroup = `fuzz-inputs-${process.pid}`;
  const hierarchies = [...new Set(cgroupHierarchies().map(({ mountpoint }) => mountpoint))];
  const made = hierarchies.filter((hierarchy) => joinCgroup(join(hierarchy, cgroup)));
  mkdirSync(FOLDER, { recursive: true });
  const unshare = "--mount --pid --fork --kill-child --uts --ipc --net --cgroup".split(" ");
  const env = { ...process.env, HIERARCHIES: made.join(" "), CGROUP: cgroup, FUZZ_ARENA: "inside" };
  const words = [...unshare, "sh", "-c", INSIDE, "sh", process.execPath, ...args];
  const { status } = spawnSync("unshare", words, { stdio: "inherit", env });
  for (const hierarchy of made) {
    writeFileSync(join(hierarchy, "cgroup.procs"), String(process.pid));
    removeCgroups(join(hierarchy, cgroup));
  }
  return status ?? 1;
}

/** Makes a cgroup and goes there, so that the cgroup namespace begins at it. */
function joinCgroup(path: string): boolean {
  mkdirSync(path, { recursive: true });
  try {
    for (const name of ["cpuset.cpus", "cpuset.mems"]) copyFromParent(path, name);
    writeFileSync(join(path, "cgroup.procs"), String(process.pid));
    return true;
  } catch {
    rmdirSync(path);
    return false;
  }
}

function copyFromParent(path: string, name: string): void {
  if (!readdirSync(path).includes(name)) return;
  writeFileSync(join(path, name), readFileSync(join(path, "..", name)));
}

export function removeCgroups(path: string): void {
  for (const below of cgroupsBelow(path)) rmdirSync(below);
  rmdirSync(path);
}

/** The cgroups below one, the deepest first. */
export function cgroupsBelow(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => [...cgroupsBelow(join(path, name)), join(path, name)]);
}

/** Everything in the arena that a command could have left, one line each. */
export function everything(stateRoot: string): string[] {
  const hierarchies = (process.env.HIERARCHIES ?? "").split(" ").filter((path) => path !== "");
  return [
    ...readdirSync(stateRoot)
      .filter((name) => !name.startsWith("."))
      .map((name) => `state: ${name}`),
    ...hierarchies.flatMap(cgroupsBelow).map((path) => `cgroup: ${path}`),
    ...readFileSync("/proc/self/mountinfo", "utf8")
      .trimEnd()
      .split("\n")
      .map((line) => `mount: ${line}`),
    ...readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name) && isLiving(name))
      .map((pid) => `process: ${pid}`),
  ];
}

function isLiving(pid: string): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}
