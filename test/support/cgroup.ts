// Finds a container's cgroup, for tests that examine it from the host.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupOf, systemdDriver } from "./cgroup-driver.ts";
import { type CgroupHierarchy, cgroupHierarchies, controllerHierarchy } from "./host.ts";

/** The value of a file in the cgroup `path` of the hierarchy that enforces `controller`. */
export function readCgroup(controller: string, path: string, file: string): string {
  const hierarchy = controllerHierarchy(controller);
  if (hierarchy === undefined) throw new Error(`no hierarchy has ${controller}`);
  return readFileSync(join(hierarchy.mountpoint, cgroupOf(path), file), "utf8").trim();
}

/** Whether the controllers are in the unified hierarchy, and nowhere else. */
export function isUnified(): boolean {
  return controllerHierarchy("memory")?.version === 2;
}

/**
 * Makes calls as on a host with only cgroup v2, even on this host, with the controllers that v1 hierarchies
 * leave. Such a container's cgroup can be reached only by calls like this, and below `unifiedFolder`.
 */
export const onUnified: { readonly wrapper?: readonly string[] } = isUnified()
  ? {}
  : {
      wrapper: [
        ...["unshare", "--mount", "--propagation", "private"],
        ...["sh", "-c", 'mount -t cgroup2 none /sys/fs/cgroup && exec "$@"', "sh"],
      ],
    };

/** The directory of a cgroup in the unified hierarchy. */
export function unifiedFolder(path: string): string {
  return join(unified()?.mountpoint ?? "", path);
}

/** A reason to skip what uses `onUnified`. */
export function needsUnified(): string | undefined {
  if (unified() === undefined) return "no cgroup v2 hierarchy is mounted";
  return systemdDriver ? "systemd chooses the cgroups" : undefined;
}

/** A controller that can be enabled for cgroups of v2, if there is one. */
export function unifiedController(): string | undefined {
  return unified()?.controllers[0];
}

/** Those that may be enabled beside processes (cgroups(7), "threaded" mode). */
const THREADED: readonly string[] = ["cpu", "cpuset", "perf_event", "pids"];

/** A controller that a cgroup with processes in it may not give to those below it, if there is one. */
export function domainController(): string | undefined {
  return unified()?.controllers.find((name) => !THREADED.includes(name));
}

function unified(): CgroupHierarchy | undefined {
  return cgroupHierarchies().find(({ version }) => version === 2);
}

/** The value of a file that has another name, or another form, in each version. */
export function readSetting(controller: string, path: string, file: { v1: string; v2: string }): string {
  return readCgroup(controller, path, isUnified() ? file.v2 : file.v1);
}

/** A reason to skip cases that freeze. */
export function needsFreezer(): string | undefined {
  const found = controllerHierarchy("freezer") !== undefined || isUnified();
  return found ? undefined : "no cgroup hierarchy can freeze";
}

/** The hierarchies in which the cgroup exists, by mount point. */
export function cgroupFolders(path: string): string[] {
  const folders = cgroupHierarchies().map(({ mountpoint }) => join(mountpoint, cgroupOf(path)));
  return folders.filter((folder) => existsSync(folder));
}

/** `/proc/PID/cgroup`: controllers (empty for the unified hierarchy) to path. */
export function cgroupsOf(pid: number): Map<string, string> {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").trimEnd().split("\n");
  return new Map(
    lines.map((line) => {
      const [, controllers = "", ...path] = line.split(":");
      return [controllers, path.join(":")];
    }),
  );
}
