// First processes that wait for a `start` that cannot come: somebody removed the state directory with their
// FIFO, for example by rm -r of the state root. Their executable and that FIFO prove that they are tsrun's.

import { readHierarchies } from "../cgroups/host.ts";
import { processesBelow, removeCgroups } from "../cgroups/tree.ts";
import type { StateRecord } from "../container/record.ts";
import { PROXY_EXECUTABLE } from "../container/status.ts";
import { FIFO, FIFO_CREATING } from "../container/store.ts";
import { TsrunError } from "../errors.ts";
import { listIfReadable } from "../linux/files/directories.ts";
import { readLink, readTextIfThere, status } from "../linux/files/files.ts";
import { isOnSameFilesystem } from "../linux/files/statx.ts";
import { SIGKILL } from "../linux/numbers/sched.ts";
import { processStatus } from "../linux/process/process.ts";
import { openProcess } from "../linux/process/process-handle.ts";
import { type CommandsAtWork, realPath } from "../why/commands.ts";
import type { Garbage } from "./model.ts";

/** How long a killed process may take to end, in milliseconds. */
const KILL_TIMEOUT_MS = 10_000;

export function findOrphans(
  root: string,
  commands: CommandsAtWork,
  records: readonly StateRecord[],
): Garbage[] {
  return listIfReadable("/proc").flatMap(({ name }): Garbage[] => {
    const id = /^\d+$/.test(name) ? orphanedId(root, name) : undefined;
    const startTime = processStatus(Number(name))?.startTime;
    if (id === undefined || startTime === undefined || commands.on(id).length > 0) return [];
    const pid = Number(name);
    return [
      {
        kind: "process",
        what: `process ${pid}, of "${id}"`,
        why: "it waits for start, but its state was removed, so nothing can start or delete it any more",
        remove: () => orphanedId(root, name) === id && end(pid, { startTime, id, records }),
      },
    ];
  });
}

/** The id of a first process below this root whose state directory is gone. */
function orphanedId(root: string, pid: string): string | undefined {
  if (readLink(`/proc/${pid}/exe`) !== PROXY_EXECUTABLE) return undefined;
  const beginning = `${realPath(root)}/`;
  for (const { name } of listIfReadable(`/proc/${pid}/fd`)) {
    const target = readLink(`/proc/${pid}/fd/${name}`) ?? "";
    if (!target.startsWith(beginning)) continue;
    const [id = "", file = "", ...more] = target.slice(beginning.length).split("/");
    const isFifo = [FIFO, FIFO_CREATING].some((fifo) => file === `${fifo} (deleted)`);
    if (!isFifo || more.length > 0 || status(`${root}/${id}`) !== undefined) continue;
    // In another mount namespace there may be another root of the same name.
    if (isOnSameFilesystem(status(`/proc/${pid}/fd/${name}`), status(root))) return id;
  }
  return undefined;
}

interface Orphan {
  readonly startTime: number;
  readonly id: string;
  readonly records: readonly StateRecord[];
}

function end(pid: number, { startTime, id, records }: Orphan): boolean {
  const handle = openProcess(pid, startTime);
  if (handle === undefined) return false;
  using process = handle;
  const cgroups = ownCgroups(pid, id, records);
  process.signal(SIGKILL);
  if (!process.waitForEnd(KILL_TIMEOUT_MS)) throw new TsrunError("E_STATE", `process ${pid} does not end`);
  removeCgroups(cgroups);
  return true;
}

/**
 * The process's cgroups that have the container's name, contain no other process, and belong to no
 * container.
 */
function ownCgroups(pid: number, id: string, records: readonly StateRecord[]): string[] {
  const used = new Set(records.flatMap(({ cgroup }) => Object.values(cgroup.paths)));
  const lines = (readTextIfThere(`/proc/${pid}/cgroup`) ?? "").split("\n");
  return readHierarchies().mounts.flatMap(({ controllers, mountpoint }) => {
    const line = lines.find((one) => one.split(":")[1] === controllers.join(","));
    const path = line?.split(":").slice(2).join(":") ?? "/";
    const directory = `${mountpoint}${path}`;
    if (path.slice(path.lastIndexOf("/") + 1) !== id || used.has(directory)) return [];
    return processesBelow(directory).every((one) => one === pid) ? [directory] : [];
  });
}
