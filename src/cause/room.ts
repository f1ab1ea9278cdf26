// Finds out what is full: the file system of a directory of the host, or the hierarchy in which a cgroup was
// to be made.

import { readKey, readNumber, readWords } from "../cgroups/writer.ts";
import { readTextIfThere } from "../linux/files/files.ts";
import { parentOf } from "../rootfs/plan/paths.ts";
import { type Cause, named } from "./cause.ts";

/** Why something could not be written below a directory of the host. */
export function whyNotKept(directory: string, errno: string): Cause | undefined {
  const whose = `the file system of ${named(directory)}`;
  if (errno === "EDQUOT") {
    return { words: `the user's quota on ${whose} is used up`, next: "make room there, or raise the quota" };
  }
  if (errno === "EROFS") {
    return { words: `${whose} is read-only`, next: "make it writable, or choose another one" };
  }
  if (errno !== "ENOSPC") return undefined;
  return { words: `${whose} has no blocks or no inodes left`, next: "see df and df -i of it, and make room" };
}

/** Why a cgroup could not be made. */
export function whyNoCgroup(directory: string, errno: string): Cause | undefined {
  switch (errno) {
    case "EAGAIN":
      return tooManyBelow(directory);
    case "ENOSPC":
    case "EBUSY":
      return hasMemory(parentOf(directory)) ? tooManyOfMemory() : undefined;
    default:
      return undefined;
  }
}

/** Whether cgroups below this one limit memory. */
function hasMemory(cgroup: string): boolean {
  const controllers = readWords(cgroup, "cgroup.subtree_control");
  return controllers.includes("memory") || readTextIfThere(`${cgroup}/memory.usage_in_bytes`) !== undefined;
}

/** MEM_CGROUP_ID_MAX in mm/memcontrol.c; mkdir(2) fails with ENOSPC, or EBUSY on newer kernels. */
const MOST_OF_MEMORY = 65_535;

function tooManyOfMemory(): Cause {
  const [, count = "?"] = /^memory\t\d+\t(\d+)/m.exec(readTextIfThere("/proc/cgroups") ?? "") ?? [];
  return {
    words:
      `the kernel has ${count} memory cgroups, and allows ${MOST_OF_MEMORY}; ` +
      "removed ones count as long as some of their memory is cached",
    next: "delete containers, or free what is cached: echo 3 >/proc/sys/vm/drop_caches",
  };
}

/** The cgroup above that allows no more below it, or none as deep (cgroup-v2.rst, "Core Interface Files"). */
function tooManyBelow(directory: string): Cause | undefined {
  let depth = 1;
  for (let at = parentOf(directory); at !== "/"; at = parentOf(at), depth++) {
    const reached = [
      { file: "cgroup.max.descendants", count: readKey(at, "cgroup.stat", "nr_descendants") + 1 },
      { file: "cgroup.max.depth", count: depth },
    ].find(({ file, count }) => count > limitIn(at, file));
    if (reached === undefined) continue;
    const { file } = reached;
    return {
      words: `${named(`${at}/${file}`)} is ${limitIn(at, file)}, which allows no more cgroups there`,
      next: "raise it, or delete containers",
    };
  }
  return undefined;
}

function limitIn(cgroup: string, file: string): number {
  return readNumber(cgroup, file) ?? Number.POSITIVE_INFINITY;
}
