// `kill`: sends a signal to the first process, or, if the container shares its pid namespace, to all its
// processes.

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

/** Sends a signal. Throws with runc's text if there is nothing to signal. */
export function killContainer(globals: GlobalOptions, { id, signal, all }: KillOptions): void {
  using directory = getStateDirectory(globals.root, id);
  const record = directory.load();
  // Without its own pid namespace no process ends with the first one: the cgroup tells which ones belong to
  // the container.
  if (signal === SIGKILL && !record.ownPidNamespace && readProcesses(record.cgroup).length > 0) {
    killProcesses(record.cgroup, signal);
    return;
  }
  const sent = signalInit(record, signal);
  // AS RUNC: --all only makes "nothing left to signal" a success.
  if (!sent && !all) throw new TsrunError("E_STATE", "container not running");
}

/** Signals the first process; false if it has ended. */
export function signalInit(record: StateRecord, signal: number): boolean {
  const handle = openInit(record);
  if (handle === undefined) return false;
  using process = handle;
  const result = process.signal(signal);
  // The signal has been sent: if we run out of memory now, that must not be reported as a failure.
  useReserve();
  if (result < 0) {
    throw new TsrunError("E_SYSCALL", `unable to signal init: ${errnoWords(-result)}`, {
      errno: errnoName(-result),
    });
  }
  if (signal === SIGKILL) letDie(record.cgroup, process);
  return true;
}

/** How long the first process may take to end before we look for a frozen cgroup, in milliseconds. */
const HELD_MS = 50;

/** Thaws the cgroup: a frozen v1 cgroup delays even SIGKILL; on v2 this has no relevant effect. */
function letDie(cgroup: CgroupRecord, process: ProcessHandle): void {
  if (freezeState(cgroup) === "frozen") thaw(cgroup);
  // A program inside may freeze cgroups below the container's own again and again, so kill all processes.
  if (mayHoldBelow(cgroup) && !process.waitForEnd(HELD_MS) && holdsBelow(cgroup)) {
    killProcesses(cgroup, SIGKILL);
  }
}
