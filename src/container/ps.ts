// `ps`: the processes of a container, by the host's pids, or as ps(1) shows them.

import { readProcesses } from "../cgroups/members.ts";
import { TsrunError } from "../errors.ts";
import { listDirectoryAt } from "../linux/directories.ts";
import { type Descriptor, pipe, readAll, readLink } from "../linux/files.ts";
import { findInPath } from "../linux/find-in-path.ts";
import { processStatus, waitFor } from "../linux/process.ts";
import { spawn } from "../linux/spawn.ts";
import { text } from "../linux/words.ts";
import type { GlobalOptions } from "./options.ts";
import { holdInit } from "./status.ts";
import { getStateDirectory } from "./store.ts";

/**
 * The host's pids of every process in the container; none when it has stopped. Where it is to have no cgroup,
 * its pid namespace tells. Throws where nobody knows them: an ordinary user's container may have no cgroup.
 */
export function containerProcesses(globals: GlobalOptions, id: string): number[] {
  using directory = getStateDirectory(globals.root, id);
  const record = directory.load();
  if (Object.keys(record.cgroup.paths).length === 0) {
    const held = holdInit(record);
    if (held === undefined) return [];
    using init = held;
    const isKnown = record.cgroup.isDisabled === true && record.ownPidNamespace;
    if (isKnown) return processesInNamespaceOf(init, record.init_process_pid);
    throw new TsrunError("E_CGROUP", `cannot list the processes of "${id}": the container has no cgroup`, {
      hint: `"exec ${id} ps" shows what it sees itself`,
    });
  }
  return readProcesses(record.cgroup);
}

/**
 * Who is in the pid namespace of a process, or came out of it: a namespace below has its first process from
 * there, and leaves its orphans to that one.
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

/** What ps(1) says, called with these options. */
export function runPs(options: readonly string[]): string {
  const path = findInPath("ps");
  if (path === undefined) {
    throw new TsrunError("E_UNSUPPORTED", 'exec: "ps": executable file not found in $PATH', {
      hint: 'install the Debian package procps, or use "--format json"',
    });
  }
  const [output, writeEnd] = pipe();
  using held = output;
  const child = spawn({
    path,
    args: ["ps", ...options],
    environment: Object.entries(process.env).map(([name, value]) => `${name}=${value ?? ""}`),
    descriptors: [1, 2].map((to) => ({ from: writeEnd.number, to })),
  });
  writeEnd.close();
  const said = text(readAll(held.number, "the output of ps"));
  const { status } = waitFor(child);
  if (status === 0) return said;
  throw new TsrunError("E_EXEC", `exit status ${status}: ${said.trimEnd()}`, {
    hint: `ps was called as: ps ${options.join(" ")}`,
  });
}
