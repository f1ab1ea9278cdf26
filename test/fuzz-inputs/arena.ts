// The arena in which inputs are tried: new namespaces, in which even a valid configuration can change nothing
// on the host. All file systems but one tmpfs are read-only; the control groups are below the arena's own;
// only the arena's processes and mounts are visible.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupHierarchies } from "../support/host.ts";

/** The tmpfs; empty on the host. */
export const FOLDER = "/tmp/fuzz-inputs";

const CGROUP_PREFIX = "fuzz-inputs-";

/**
 * Enters the arena's cgroups before the namespaces are made, so that these are the root of its cgroup
 * namespace.
 */
const OUTSIDE = `
set -eu
for hierarchy in $HIERARCHIES; do echo $$ >"$hierarchy/$CGROUP/cgroup.procs"; done
exec unshare --mount --pid --fork --kill-child --uts --ipc --net --cgroup sh -c "$INSIDE" sh "$@"
`;

/** The shell stays, and reaps orphans, as the first process of a pid namespace must. */
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
status=0
"$@" || status=$?
exit "$status"
`;

/** Runs the same program again in an arena. Returns its exit status. */
export async function enterArena(number: number, args: readonly string[]): Promise<number> {
  const cgroup = `${CGROUP_PREFIX}${process.pid}-${number}`;
  const hierarchies = [...new Set(cgroupHierarchies().map(({ mountpoint }) => mountpoint))];
  mkdirSync(FOLDER, { recursive: true });
  for (const hierarchy of hierarchies) {
    mkdirSync(join(hierarchy, cgroup));
    for (const name of ["cpuset.cpus", "cpuset.mems"]) copyFromParent(join(hierarchy, cgroup), name);
  }
  const env = { ...process.env, INSIDE, HIERARCHIES: hierarchies.join(" "), CGROUP: cgroup };
  const words = ["-c", OUTSIDE, "sh", process.execPath, ...args];
  const child = spawn("sh", words, { stdio: "inherit", env: { ...env, FUZZ_ARENA: String(number) } });
  const stop = () => child.kill("SIGTERM");
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, stop);
  const status = await new Promise<number>((done) => child.on("exit", (code) => done(code ?? 1)));
  for (const hierarchy of hierarchies) removeCgroups(join(hierarchy, cgroup));
  return status;
}

/** Removes what earlier calls left when they were killed. */
export function removeForgotten(): void {
  for (const { mountpoint } of cgroupHierarchies()) {
    for (const name of readdirSync(mountpoint)) {
      const [, pid] = name.startsWith(CGROUP_PREFIX) ? (/(\d+)-\d+$/.exec(name) ?? []) : [];
      if (pid !== undefined && !existsSync(`/proc/${pid}`)) removeCgroups(join(mountpoint, name));
    }
  }
}

function copyFromParent(path: string, name: string): void {
  if (!readdirSync(path).includes(name)) return;
  writeFileSync(join(path, name), readFileSync(join(path, "..", name)));
}

function removeCgroups(path: string): void {
  for (const below of cgroupsBelow(path)) rmdirSync(below);
  rmdirSync(path);
}

/** The cgroups below one, the deepest first. */
function cgroupsBelow(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => [...cgroupsBelow(join(path, name)), join(path, name)]);
}

/** Everything in the arena that a command may leave, one line each. */
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

export function isLiving(pid: string): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}
