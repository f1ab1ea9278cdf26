// How a process gets into a container's cgroup that is there already. Called by exec and restore, and by
// driver.ts for the first process.

import { type Descriptor, readTextIfThere } from "../linux/files/files.ts";
import { unifiedCgroupOf } from "./host.ts";
import type { CgroupRecord } from "./record.ts";
import { attachToUnit } from "./systemd/scope.ts";
import { exists } from "./tree.ts";

export type JoinFiles =
  /** v1: "0" goes into each file; `unified`, on hybrid hosts, is a directory for CLONE_INTO_CGROUP. */
  | {
      readonly tasks: readonly string[];
      readonly unified?: string;
      /** To be called with the process' pid before it enters anything: systemd moves it. */
      readonly admit?: (pid: number) => void;
    }
  /** v2: for CLONE_INTO_CGROUP. */
  | { readonly directory: string };

/**
 * How a process enters the container. On v1 it writes "0" to each `tasks` for itself while it has one thread:
 * writing another's pid to cgroup.procs waits for every CPU (about 11 ms).
 */
export function joinFiles(record: CgroupRecord, { init }: JoinOptions = {}): JoinFiles {
  const unified = record.paths[""];
  if (record.driver === "v2" && unified !== undefined) return joinV2(record, unified, init);
  const tasks = tasksFiles(record);
  return unified === undefined ? { tasks } : { tasks, unified };
}

export interface JoinOptions {
  /**
   * Where the container has divided its cgroup, and so nothing can be in the cgroup itself: that of the
   * process with this directory of /proc.
   */
  readonly init?: Descriptor | undefined;
}

function joinV2(record: CgroupRecord, directory: string, init: Descriptor | undefined): JoinFiles {
  const divided = (readTextIfThere(`${directory}/cgroup.subtree_control`)?.trim() ?? "") !== "";
  if (divided && init !== undefined) return { directory: unifiedCgroupOf(init) ?? directory };
  const { unit } = record;
  // A user may not move processes here from everywhere, but its manager may.
  const inside = unit?.user === true ? insideUnit(unit.name, directory) : undefined;
  const isOwn = inside === "/" || init !== undefined;
  if (inside !== undefined && isOwn) return { tasks: [], admit: (pid) => attachToUnit(record, inside, pid) };
  return { directory };
}

/** Where a cgroup is below the unit's: "/" is its own. */
function insideUnit(name: string, directory: string): string | undefined {
  const at = `${directory}/`.lastIndexOf(`/${name}/`);
  return at === -1 ? undefined : directory.slice(at + name.length + 1) || "/";
}

/**
 * The record with the part of its v2 cgroup that the container was given to begin in, as long as that is
 * there: a process in the cgroup itself would keep the container from dividing it.
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
