// Which of the files that a limit may be written to the kernel does not have. Called by `explain`, where the
// cgroup need not exist yet.

import { listDirectoryAt } from "../linux/files/directories.ts";
import { planLimits } from "./limits.ts";
import type { CgroupPlan } from "./planned.ts";
import { exists } from "./tree.ts";
import type { CgroupWrite } from "./writes.ts";

/** Names of files in whose place another one is written. What cannot be known is not among them. */
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

/** A cgroup has a file when its controller is handed down to it, so the first that has either file tells. */
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

/** The cgroup itself, those above it, and those just below the root, which itself has none of these files. */
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
