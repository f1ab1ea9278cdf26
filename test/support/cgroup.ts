// Where a container's cgroup is, for tests that look into it from the host.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupHierarchies, controllerHierarchy } from "./host.ts";

/** The value of a file in the cgroup `path` of the hierarchy that enforces `controller`. */
export function readCgroup(controller: string, path: string, file: string): string {
  const hierarchy = controllerHierarchy(controller);
  if (hierarchy === undefined) throw new Error(`no hierarchy has ${controller}`);
  return readFileSync(join(hierarchy.mountpoint, path, file), "utf8").trim();
}

/** The hierarchies in which the cgroup exists, by mount point. */
export function cgroupFolders(path: string): string[] {
  const folders = cgroupHierarchies().map(({ mountpoint }) => join(mountpoint, path));
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
