// Sends a signal to a container's first process. Called by kill and destroy.ts.

import { freezeState, holdsBelow, mayHoldBelow, thaw } from "../cgroups/freezer.ts";
import { killProcesses } from "../cgroups/members.ts";
import type { CgroupRecord } from "../cgroups/record.ts";
import { useReserve } from "../engine/host/memory.ts";
import { TsrunError } from "../errors.ts";
import { ESRCH, errnoName, errnoWords } from "../linux/numbers/errno.ts";
import { SIGKILL } from "../linux/numbers/sched.ts";
import type { ProcessHandle } from "../linux/process/process-handle.ts";
import type { StateRecord } from "./record.ts";
import { openInit } from "./status.ts";

/** Signals the first process; false if it has ended. */
export function signalInit(record: StateRecord, signal: number): boolean {
  const handle = openInit(record);
  if (handle === undefined) return false;
  using process = handle;
  const result = process.signal(signal);
  // The signal has been sent: if we run out of memory now, that must not be reported as a failure.
  useReserve();
  // It has ended since.
  if (result === -ESRCH) return false;
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
