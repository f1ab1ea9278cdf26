// Finds out what this machine has: cgroup hierarchies, kernel, privileges, programs. Tests ask here before
// they need something, and turn a "no" into a skip with its reason.

import { accessSync, constants, existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { release } from "node:os";
import { delimiter, join } from "node:path";
import { until } from "./wait.ts";

export interface CgroupHierarchy {
  readonly version: 1 | 2;
  readonly mountpoint: string;
  /** v1: the controllers bound to it; v2: those it can hand out. */
  readonly controllers: readonly string[];
}

export interface MountLine {
  readonly id: number;
  readonly root: string;
  readonly target: string;
  readonly options: readonly string[];
  readonly optional: readonly string[];
  readonly type: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

/** Reads a mountinfo file, see proc_pid_mountinfo(5). */
export function parseMountinfo(text: string): MountLine[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const [left = "", right = ""] = line.split(" - ", 2);
    const [id, , , root = "", target = "", options = "", ...optional] = left.split(" ");
    const [type = "", source = "", superOptions = ""] = right.split(" ");
    return {
      id: Number(id),
      root: unescapeOctal(root),
      target: unescapeOctal(target),
      options: options.split(","),
      optional,
      type,
      source: unescapeOctal(source),
      superOptions: superOptions.split(","),
    };
  });
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

export function hostMounts(): MountLine[] {
  return parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8"));
}

/** The mount on which a path is. */
export function mountOf(path: string): MountLine | undefined {
  const real = `${realpathSync(path)}/`;
  const around = hostMounts().filter(({ target }) => real.startsWith(target.replace(/\/?$/, "/")));
  const deepest = Math.max(...around.map(({ target }) => target.length));
  return around.findLast(({ target }) => target.length === deepest);
}

/** Each hierarchy once, even if it is mounted several times; preferably its mount at the usual place. */
export function cgroupHierarchies(all: readonly MountLine[] = hostMounts()): CgroupHierarchy[] {
  const seen = new Set<string>();
  const found: CgroupHierarchy[] = [];
  const mounts = all.filter(({ type }) => type === "cgroup" || type === "cgroup2");
  const usual = ({ target }: MountLine) =>
    target === "/sys/fs/cgroup" || target.startsWith("/sys/fs/cgroup/");
  for (const mount of [...mounts.filter(usual), ...mounts.filter((other) => !usual(other))]) {
    // All mounts of a hierarchy share one super block, and its options.
    const hierarchy = mount.type === "cgroup2" ? "unified" : mount.superOptions.join(",");
    if (seen.has(hierarchy)) continue;
    seen.add(hierarchy);
    if (mount.type === "cgroup2") {
      const file = join(mount.target, "cgroup.controllers");
      const text = existsSync(file) ? readFileSync(file, "utf8").trim() : "";
      found.push({
        version: 2,
        mountpoint: mount.target,
        controllers: text.split(" ").filter((name) => name !== ""),
      });
    } else {
      const controllers = mount.superOptions.filter((option) => option !== "rw" && option !== "ro");
      found.push({ version: 1, mountpoint: mount.target, controllers });
    }
  }
  return found;
}

/** The directory tree that enforces a controller here, with the interface version its files follow. */
export function controllerHierarchy(controller: string): CgroupHierarchy | undefined {
  return cgroupHierarchies().find((hierarchy) => hierarchy.controllers.includes(controller));
}

export const effectiveUid = process.geteuid?.() ?? -1;

/** Whether the running kernel is at least `major.minor`. */
export function kernelAtLeast(major: number, minor: number): boolean {
  const [runningMajor = 0, runningMinor = 0] = release().split(".").map(Number);
  return runningMajor > major || (runningMajor === major && runningMinor >= minor);
}

export function findProgram(name: string): string | undefined {
  const folders = `${process.env.PATH ?? ""}${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter);
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** `major:minor` of a block device of this host. */
export const blockDevice = readdirSync("/sys/block")
  .filter((name) => existsSync(`/sys/block/${name}/dev`))
  .map((name) => readFileSync(`/sys/block/${name}/dev`, "utf8").trim())[0];

/** Whether a process has ended; one that nobody has waited for yet counts as ended. */
export function hasEnded(pid: number | string): boolean {
  try {
    return /^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return true;
  }
}

/** Sends a signal to a process. Throws if there is no number: kill(2) takes 0 for the caller's own group. */
export function signalProcess(pid: number | string, signal: NodeJS.Signals): void {
  process.kill(checkedPid(pid), signal);
}

/** Stops a process with SIGSTOP, and waits until it has stopped. */
export async function stopProcess(pid: number): Promise<void> {
  signalProcess(pid, "SIGSTOP");
  await until("it to stop", () => /^State:\tT/m.test(readFileSync(`/proc/${pid}/status`, "utf8")));
}

/** Sends a signal to the group of processes that this one leads. */
export function signalGroup(leader: number | undefined, signal: NodeJS.Signals): void {
  process.kill(-checkedPid(leader ?? 0), signal);
}

function checkedPid(pid: number | string): number {
  const number = typeof pid === "number" ? pid : /^\d+$/.test(pid.trim()) ? Number(pid) : 0;
  if (number <= 1) throw new Error(`no process to signal: ${JSON.stringify(pid)}`);
  return number;
}
