// Where a container's cgroup is, for tests that look into it from the host.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupOf } from "./cgroup-driver.ts";
import { cgroupHierarchies, controllerHierarchy } from "./host.ts";

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

/** The value of a file that has another name, or another form, in each version. */
export function readSetting(controller: string, path: string, file: { v1: string; v2: string }): string {
  return readCgroup(controller, path, isUnified() ? file.v2 : file.v1);
}

/** A reason to skip what freezes. */
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
