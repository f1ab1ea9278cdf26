// Finds the limit files that this kernel does not have. Called by `explain`, before the cgroup exists.

import { listDirectoryAt } from "../linux/files/directories.ts";
import { planLimits } from "./limits.ts";
import type { CgroupPlan } from "./planned.ts";
import { exists } from "./tree.ts";
import type { CgroupWrite } from "./writes.ts";

/** Names of files instead of which another one is written. Files that cannot be checked are left out. */
export function missingFiles(cgroup: CgroupPlan): ReadonlySet<string> {
  const missing = new Set<string>();
  const there = new Set<string>();
  for (const { controller, writes } of planLimits(cgroup)) {
    const wanted = cgroup.driver === "v2" ? "" : controller;
    const directory = cgroup.directories.find(({ controllers }) => controllers.includes(wanted));
    if (directory === undefined) continue;
    for (const write of writes) {
      const { file, otherwise } = write;
      if (otherwise === undefined || missing.has(file) || there.has(file)) continue;
      (isMissing(write, otherwise, directory) ? missing : there).add(file);
    }
  }
  return missing;
}

/** Decided by the first cgroup that has either file: a cgroup has them only if its controller is enabled. */
function isMissing(
  first: CgroupWrite,
  second: CgroupWrite,
  place: { readonly path: string; readonly mountpoint: string },
): boolean {
  for (const directory of cgroupsAround(place)) {
    if (exists(`${directory}/${first.file}`)) return false;
    if (exists(`${directory}/${second.file}`)) return true;
  }
  return false;
}

/** The cgroup, its parents, and the cgroups just below the root: the root itself has none of these files. */
function* cgroupsAround({
  path,
  mountpoint,
}: {
  readonly path: string;
  readonly mountpoint: string;
}): Generator<string> {
  for (let at = path; at.length > mountpoint.length; at = at.slice(0, at.lastIndexOf("/"))) yield at;
  if (mountpoint === "") return;
  for (const { name, type } of listDirectoryAt(mountpoint)) {
    if (type === "directory") yield `${mountpoint}/${name}`;
  }
}
