// `kill`: send a signal to the first process, or to all of a container that shares its pid namespace.

import { freezeState, holdsBelow, mayHoldBelow, thaw } from "../cgroups/freezer.ts";
import { killProcesses, readProcesses } from "../cgroups/members.ts";
import type { CgroupRecord } from "../cgroups/record.ts";
import { useReserve } from "../engine/host/memory.ts";
import { TsrunError } from "../errors.ts";
import { errnoName, errnoWords } from "../linux/numbers/errno.ts";
import { SIGKILL } from "../linux/numbers/sched.ts";
import type { ProcessHandle } from "../linux/process/process-handle.ts";
import type { GlobalOptions, KillOptions } from "./options.ts";
import type { StateRecord } from "./record.ts";
import { openInit } from "./status.ts";
import { getStateDirectory } from "./store.ts";

/** Sends a signal. Throws with runc's words when there is nothing to signal. */
export function killContainer(globals: GlobalOptions, { id, signal, all }: KillOptions): void {
  using directory = getStateDirectory(globals.root, id);
  const record = directory.load();
  // Without a pid namespace of its own nothing ends with the first process: the cgroup says who belongs to
  // it.
  if (signal === SIGKILL && !record.ownPidNamespace && readProcesses(record.cgroup).length > 0) {
    killProcesses(record.cgroup, signal);
    return;
  }
  const sent = signalInit(record, signal);
  // AS RUNC: --all only makes "nothing left to signal" a success.
  if (!sent && !all) throw new TsrunError("E_STATE", "container not running");
}

/** Signals the first process; false when it has ended. */
export function signalInit(record: StateRecord, signal: number): boolean {
  const handle = openInit(record);
  if (handle === undefined) return false;
  using process = handle;
  const result = process.signal(signal);
  // It is sent: that our memory comes to its end now is no failure to send it.
  useReserve();
  if (result < 0) {
    throw new TsrunError("E_SYSCALL", `unable to signal init: ${errnoWords(-result)}`, {
      errno: errnoName(-result),
    });
  }
  if (signal === SIGKILL) letDie(record.cgroup, process);
  return true;
}

/** How long the first process may take to end before it is looked for what holds it, milliseconds. */
const HELD_MS = 50;

/** A frozen v1 cgroup holds even SIGKILL back; on v2 this does nothing that matters. */
function letDie(cgroup: CgroupRecord, process: ProcessHandle): void {
  if (freezeState(cgroup) === "frozen") thaw(cgroup);
  // A program inside may freeze cgroups below the container's own again and again: it is killed as well.
  if (mayHoldBelow(cgroup) && !process.waitForEnd(HELD_MS) && holdsBelow(cgroup)) {
    killProcesses(cgroup, SIGKILL);
  }
}
