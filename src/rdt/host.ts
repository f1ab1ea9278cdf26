// The host's resctrl. Called by create, update and events for a container in a resctrl group.

import { tryCall } from "../linux/call/call.ts";
import { listDirectoryAt } from "../linux/files/directories.ts";
import { readText, readTextIfThere, status, tryWriteFile } from "../linux/files/files.ts";
import { AT_FDCWD, AT_REMOVEDIR } from "../linux/numbers/fcntl.ts";
import { parseMounts } from "../rootfs/host/mountinfo.ts";
import type { IntelRdt, RdtRecord } from "../spec/types.ts";
import { changeSchemata, checkGroup, checkHost, makeGroup, type ResctrlTree, recordOf } from "./group.ts";
import { type Need, needsOfUpdate, planRdt, type RdtPlan, schemataLines } from "./plan.ts";
import { type RdtStats, rdtStats } from "./stats.ts";

/** A container's group, planned but not made. */
export interface PlannedGroup {
  readonly record: RdtRecord;
  /** Makes it and moves this process into it. Returns a function that undoes that. */
  make(pid: number): () => void;
}

/** The group of a new container. Throws if the host lacks a requested feature. */
export function planGroup(rdt: IntelRdt, id: string): PlannedGroup {
  const plan = planRdt(rdt, id);
  return planned(plan, plan.needs);
}

/** The group that `update` makes for a container without one. */
export function planUpdatedGroup(rdt: IntelRdt, id: string): PlannedGroup {
  return planned(planRdt(rdt, id), needsOfUpdate(rdt));
}

function planned(plan: RdtPlan, needs: readonly Need[]): PlannedGroup {
  const tree = checkHost(findResctrl(), needs);
  checkGroup(tree, plan);
  return { record: recordOf(tree, plan), make: (pid) => makeGroup(tree, plan, pid) };
}

/** Changes the schemata of a container's group. Returns a function that undoes that. */
export function changeGroup({ schemata }: RdtRecord, rdt: IntelRdt): () => void {
  const tree = checkHost(findResctrl(), needsOfUpdate(rdt));
  return changeSchemata(tree, schemata, schemataLines(rdt));
}

/** The statistics of a container's group; empty if resctrl is no longer mounted. */
export function readRdtStats(record: RdtRecord): RdtStats {
  const tree = findResctrl();
  if (tree === undefined) return {};
  const directories = (path: string): string[] =>
    listDirectoryAt(path)
      .filter(({ type }) => type === "directory")
      .map(({ name }) => name)
      .sort();
  return rdtStats({ root: tree.root, read: tree.read, directories }, record);
}

/** Finds the mount: it may be anywhere, although there is a usual place under /sys. */
function findResctrl(): ResctrlTree | undefined {
  const mount = parseMounts(readText("/proc/self/mountinfo")).find(({ type }) => type === "resctrl");
  return mount === undefined ? undefined : treeAt(mount.point);
}

function treeAt(root: string): ResctrlTree {
  return {
    root,
    exists: (path) => status(path) !== undefined,
    makeDirectory: (path) => tryCall("mkdirat", AT_FDCWD, path, 0o755),
    removeDirectory: (path) => tryCall("unlinkat", AT_FDCWD, path, AT_REMOVEDIR),
    read: (path) => readTextIfThere(path),
    write: (path, text) => tryWriteFile(path, text),
  };
}
