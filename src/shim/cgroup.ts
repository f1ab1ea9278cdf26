// `ShimCgroup`: the cgroup that a shim is put into.

import { listDirectoryAt } from "../linux/files/directories.ts";
import { filesystemType, openDirectory, status, writeFile } from "../linux/files/files.ts";
import { CGROUP2_SUPER_MAGIC } from "../linux/numbers/mount.ts";

const CGROUPS = "/sys/fs/cgroup";

/** @param path relative to the root of each hierarchy; the cgroups exist already */
export function joinShimCgroup(path: string, pid: number): void {
  using root = openDirectory(CGROUPS);
  const isUnified = filesystemType(root.number) === CGROUP2_SUPER_MAGIC;
  const hierarchies = isUnified
    ? [CGROUPS]
    : listDirectoryAt(CGROUPS).map(({ name }) => `${CGROUPS}/${name}`);
  for (const hierarchy of hierarchies) {
    const file = `${hierarchy}/${path}/cgroup.procs`;
    if (isUnified || status(file) !== undefined) writeFile(file, String(pid));
  }
}
