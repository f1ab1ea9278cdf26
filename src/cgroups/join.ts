// How a process enters a container's existing cgroup. Called by exec and restore, and by driver.ts for the
// first process.

import { wrapError } from "../errors.ts";
import { type Descriptor, openDirectory, readTextIfThere } from "../linux/files/files.ts";
import { unifiedCgroupOf } from "./host.ts";
import type { CgroupRecord } from "./record.ts";
import { attachToUnit } from "./systemd/scope.ts";
import { exists } from "./tree.ts";

/** How a process gets into a cgroup. */
export interface JoinFiles {
  /** v1: write "0" to each of these. */
  readonly tasks: readonly string[];
  /** For CLONE_INTO_CGROUP: the cgroup on v2, and that of the unified hierarchy on hybrid hosts. */
  readonly directory?: string;
  /** To be called with the process's pid before it enters anything: systemd moves it. */
  readonly admit?: (pid: number) => void;
}

/**
 * How a process enters the container. On v1 it writes "0" to each `tasks` for itself while it has one thread:
 * writing another's pid to cgroup.procs waits for every CPU (about 11 ms).
 */
export function joinFiles(record: CgroupRecord, { init }: JoinOptions = {}): JoinFiles {
  const unified = record.paths[""];
  if (record.driver === "v2" && unified !== undefined) return joinV2(record, unified, init);
  const tasks = tasksFiles(record);
  return unified === undefined ? { tasks } : { tasks, directory: unified };
}

export interface JoinOptions {
  /**
   * The first process's directory of /proc. If the container has divided its cgroup, so that the cgroup
   * itself may hold no process, the new process goes into the first process's cgroup.
   */
  readonly init?: Descriptor | undefined;
}

function joinV2(record: CgroupRecord, directory: string, init: Descriptor | undefined): JoinFiles {
  const divided = (readTextIfThere(`${directory}/cgroup.subtree_control`)?.trim() ?? "") !== "";
  if (divided && init !== undefined) return { tasks: [], directory: unifiedCgroupOf(init) ?? directory };
  const { unit } = record;
  // A user may not move processes here from any cgroup, but its manager may.
  const inside = unit?.user === true ? insideUnit(unit.name, directory) : undefined;
  const isOwn = inside === "/" || init !== undefined;
  if (inside !== undefined && isOwn) return { tasks: [], admit: (pid) => attachToUnit(record, inside, pid) };
  return { tasks: [], directory };
}

/** The path of a cgroup below the unit's; "/" is the unit's own. */
function insideUnit(name: string, directory: string): string | undefined {
  const at = `${directory}/`.lastIndexOf(`/${name}/`);
  return at === -1 ? undefined : directory.slice(at + name.length + 1) || "/";
}

/**
 * The record with the part of the v2 cgroup in which the container's first process began, as long as that
 * exists: a process in the cgroup itself would keep the container from dividing it.
 */
export function delegated(record: CgroupRecord, delegate: string | undefined): CgroupRecord {
  const path = record.paths[""];
  if (delegate === undefined || path === undefined || record.driver !== "v2") return record;
  const inside = `${path}/${delegate}`;
  return exists(inside) ? { ...record, paths: { ...record.paths, "": inside } } : record;
}

/** Every file into which a process that enters the container writes "0" for itself. */
export function tasksFiles({ paths }: CgroupRecord): string[] {
  const files: string[] = [];
  for (const [controller, path] of Object.entries(paths)) {
    const file = `${path}/tasks`;
    if (controller !== "" && !files.includes(file)) files.push(file);
  }
  return files;
}

/** Opens a cgroup for a process that is to begin in it. */
export function openToJoin(path: string): Descriptor {
  try {
    return openDirectory(path);
  } catch (error) {
    throw wrapError("cannot join a cgroup by adding pid 0 to it", error);
  }
}
