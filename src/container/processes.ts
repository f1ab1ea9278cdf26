// Finds a container's processes: by its cgroup, or, if it has none, by its pid namespace. Called by `ps`,
// `checkpoint` and the shim.

import { readProcesses } from "../cgroups/members.ts";
import { listDirectoryAt } from "../linux/files/directories.ts";
import { type Descriptor, readLink } from "../linux/files/files.ts";
import { processStatus } from "../linux/process/process.ts";
import { ownCgroup } from "./own-cgroup.ts";
import type { StateRecord } from "./record.ts";
import { holdInit } from "./status.ts";

/**
 * The host pids; none if the container has stopped. `undefined` if they cannot be found out: an ordinary
 * user's container may have been refused a cgroup.
 */
export function processesOf(record: StateRecord): number[] | undefined {
  const cgroup = ownCgroup(record);
  if (Object.keys(cgroup.paths).length > 0) return readProcesses(cgroup);
  const held = holdInit(record);
  if (held === undefined) return [];
  using init = held;
  if (cgroup.isDisabled !== true || !record.ownPidNamespace) return undefined;
  return processesInNamespaceOf(init, record.init_process_pid);
}

/**
 * The processes in the pid namespace of a process and in nested ones: a nested namespace's first process has
 * its parent here.
 */
function processesInNamespaceOf(init: Descriptor, pid: number): number[] {
  const namespace = readLink("ns/pid", { at: init.number });
  const members = new Set([pid]);
  const others: { readonly pid: number; readonly parent: number }[] = [];
  for (const { name } of listDirectoryAt("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const parent = processStatus(Number(name))?.parent;
    if (parent === undefined) continue;
    const isInside = namespace !== undefined && readLink(`/proc/${name}/ns/pid`) === namespace;
    if (isInside) members.add(Number(name));
    else others.push({ pid: Number(name), parent });
  }
  for (let known = 0; known !== members.size; ) {
    known = members.size;
    for (const other of others) if (members.has(other.parent)) members.add(other.pid);
  }
  return [...members].sort((one, other) => one - other);
}
