// Reads the host's state: cgroup files, processes, mounts, and runtimes' state directories.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";

/** The names that containerd gives to containers; a runtime's state root has other entries too. */
const CONTAINER = /^[0-9a-f]{64}$/;
const CGROUPS = "/sys/fs/cgroup";
/** The state root that containerd's shim for runc passes to runtimes, or that of the runtime as the shim. */
const STATE = `/run/containerd/${process.env.LAB_SHIM === undefined ? "runc" : "tsrun"}/k8s.io`;

export function command(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
}

/** A file of a process' cgroup on a hierarchy of version 1. */
export function cgroupFile(pid: number, controller: string, file: string): string {
  const line = readFileSync(`/proc/${pid}/cgroup`, "utf8")
    .split("\n")
    .map((each) => each.split(":"))
    .find(([, controllers]) => controllers?.split(",").includes(controller));
  return readFileSync(`${CGROUPS}/${controller}${line?.[2]}/${file}`, "utf8").trim();
}

export function processesWith(words: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => commandLine(pid).includes(words));
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return "";
  }
}

/** Everything of containers on the host; it must be the same before and after a scenario. */
export interface Traces {
  readonly states: readonly string[];
  readonly shims: number;
  readonly mounts: readonly string[];
  readonly networks: readonly string[];
  readonly containerCgroups: readonly string[];
}

export function traces(): Traces {
  return {
    states: list(STATE).filter((name) => CONTAINER.test(name)),
    shims: processesWith("/containerd-shim-").length,
    mounts: readFileSync("/proc/self/mounts", "utf8")
      .split("\n")
      .map((line) => line.split(" ")[1] ?? "")
      .filter((path) => /^\/(run|lab)\//.test(path))
      .sort(),
    networks: list("/run/netns"),
    containerCgroups: readdirSync(CGROUPS)
      .flatMap((controller) => containerCgroups(`${CGROUPS}/${controller}/${process.env.LAB_ID}`))
      .sort(),
  };
}

/** The cgroups of containers, without those of pods, which a kubelet makes and removes. */
function containerCgroups(folder: string): string[] {
  return list(folder).flatMap((pod) =>
    list(`${folder}/${pod}`)
      .filter((name) => CONTAINER.test(name))
      .map((name) => `${folder}/${pod}/${name}`),
  );
}

function list(folder: string): string[] {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return [];
  return readdirSync(folder).sort();
}
