// Cgroups that `delete --force` could not remove because a process of the host was in them. `delete`
// remembers their inodes, so that another cgroup of the same path is not mistaken for them.

import { processesBelow, removeCgroups } from "../cgroups/tree.ts";
import type { Ending } from "../container/ending.ts";
import type { StateRecord } from "../container/record.ts";
import { status } from "../linux/files/files.ts";
import { bootTime } from "../linux/process/process.ts";
import type { Found, Garbage } from "./model.ts";

export interface CgroupsFound {
  readonly garbage: readonly Garbage[];
  readonly kept: readonly Found[];
}

export function findCgroups(endings: readonly Ending[], records: readonly StateRecord[]): CgroupsFound {
  const garbage: Garbage[] = [];
  const kept: Found[] = [];
  const used = new Set(records.flatMap(({ cgroup }) => Object.values(cgroup.paths)));
  const boot = bootTime();
  for (const { id, at, left = [] } of endings) {
    // Inode numbers of cgroups start again at each boot.
    if (at < boot) continue;
    for (const line of left) {
      const inode = line.slice(0, line.indexOf(" "));
      const path = line.slice(inode.length + 1);
      if (!isStill(path, inode) || used.has(path)) continue;
      const members = processesBelow(path);
      if (members.length > 0) {
        const who = members.slice(0, 5).join(", ");
        kept.push({
          kind: "cgroup",
          what: path,
          why: `of the deleted "${id}"; processes still in it: ${who}`,
        });
        continue;
      }
      garbage.push({
        kind: "cgroup",
        what: path,
        why: `of the deleted "${id}"; no process is in it any more`,
        remove: () => remove(path, inode),
      });
    }
  }
  return { garbage, kept };
}

function isStill(path: string, inode: string): boolean {
  return path.startsWith("/") && String(status(path)?.inode ?? "") === inode;
}

function remove(path: string, inode: string): boolean {
  if (!isStill(path, inode) || processesBelow(path).length > 0) return false;
  removeCgroups([path]);
  return true;
}
