// What state a container is in, read from the kernel and the state directory. Called by every story but
// create.

import { freezeState } from "../cgroups/freezer.ts";
import { type Descriptor, readLink } from "../linux/files/files.ts";
import { holdProcess, openProcess, type ProcessHandle, runs } from "../linux/process/process-handle.ts";
import type { Status } from "./options.ts";
import type { StateRecord } from "./record.ts";
import type { StateDirectory } from "./store.ts";

/** The proxy's executable as /proc/PID/exe shows it. */
const PROXY_EXECUTABLE = "/memfd:tsrun-init (deleted)";

/** runc's order: frozen is paused, gone is stopped, waiting is created, else running. */
export function statusOf(record: StateRecord, directory: StateDirectory): Status {
  const init = holdInit(record);
  // As `using`, which the bundler makes ten calls of.
  try {
    return statusWith(init, record, directory);
  } finally {
    init?.close();
  }
}

/** As `statusOf`, once the first process is held; `undefined` stands for one that has ended. */
export function statusWith(
  init: Descriptor | undefined,
  record: StateRecord,
  directory: StateDirectory,
): Status {
  const waiting = directory.waiting();
  if (init === undefined) return isBegun(record, directory) ? "creating" : "stopped";
  if (freezeState(record.cgroup) === "frozen") return "paused";
  if (waiting === undefined) return "running";
  // The kernel has the last word: a `start` that was killed half-way may have left the FIFO of a running
  // container. Where /proc/PID/exe may not be read, rootless for one, the FIFO alone decides.
  const executable = readLink("exe", { at: init.number });
  return executable === undefined || executable === PROXY_EXECUTABLE ? waiting : "running";
}

/** Whether somebody is making a container that has no first process yet. */
function isBegun(record: StateRecord, directory: StateDirectory): boolean {
  return record.init_process_pid === 0 && directory.isBeingMade();
}

/** Whether the first process still runs: same pid, same start time, no zombie. */
export function isAlive(record: StateRecord): boolean {
  return record.init_process_pid !== 0 && runs(record.init_process_pid, record.init_process_start);
}

/**
 * The first process' directory of /proc, `undefined` when that has ended: everything that is looked at or
 * opened by its pid goes through it, or it could be another process' that has the pid by then.
 */
export function holdInit(record: StateRecord): Descriptor | undefined {
  if (record.init_process_pid === 0) return undefined;
  return holdProcess(record.init_process_pid, record.init_process_start);
}

/** A handle on the first process, `undefined` when it has ended. */
export function openInit(record: StateRecord): ProcessHandle | undefined {
  if (record.init_process_pid === 0) return undefined;
  return openProcess(record.init_process_pid, record.init_process_start);
}
