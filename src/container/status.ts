// Finds out a container's status from the kernel and the state directory. Called by every story but create.

import { freezeState } from "../cgroups/freezer.ts";
import { TsrunError } from "../errors.ts";
import { type Descriptor, readLink } from "../linux/files/files.ts";
import { holdProcess, openProcess, type ProcessHandle, runs } from "../linux/process/process-handle.ts";
import { PROXY_NAME } from "../proxy/name.ts";
import type { Status } from "./options.ts";
import type { StateRecord } from "./record.ts";
import type { StateDirectory } from "./store.ts";

/** The proxy's executable as /proc/PID/exe shows it. */
export const PROXY_EXECUTABLE = `/memfd:${PROXY_NAME} (deleted)`;

/**
 * A container that is still being made is `creating`. Otherwise in runc's order: frozen means paused, gone
 * means stopped, waiting means created, and anything else running.
 */
export function statusOf(record: StateRecord, directory: StateDirectory): Status {
  const init = holdInit(record);
  // Written out, because the bundler turns `using` into ten calls.
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
  // Being made comes before frozen: what is allowed on a paused container may not be allowed yet.
  if (waiting !== "creating" && freezeState(record.cgroup) === "frozen") return "paused";
  if (waiting === undefined) return "running";
  return whileWaiting(waiting, readLink("exe", { at: init.number }));
}

/**
 * The status of a container whose FIFO is there, and whose first process has this executable. The kernel
 * decides: a `start` that was killed half-way may have left the FIFO of a running container. If
 * /proc/PID/exe may not be read, as by an ordinary user, only the FIFO decides.
 */
export function whileWaiting(waiting: "creating" | "created", executable: string | undefined): Status {
  return executable === undefined || executable === PROXY_EXECUTABLE ? waiting : "running";
}

/**
 * Whether a command was making the container, which had no first process yet, when the record was read. That
 * command may have ended since: then the record names a process by now.
 */
function isBegun(record: StateRecord, directory: StateDirectory): boolean {
  if (record.init_process_pid !== 0) return false;
  return directory.isBeingMade() || directory.load().init_process_pid !== 0;
}

/** Whether the first process still runs: same pid, same start time, no zombie. */
export function isAlive(record: StateRecord): boolean {
  return record.init_process_pid !== 0 && runs(record.init_process_pid, record.init_process_start);
}

/** The error of a command that needs a running container, with what it is instead. */
export function notRunning(id: string, status: string): TsrunError {
  return new TsrunError("E_STATE", "container not running", { hint: `container "${id}" is ${status}` });
}

/**
 * The first process's directory of /proc, `undefined` if the process has ended. All access by pid must go
 * through it: otherwise it could reach another process that has the pid by then.
 */
export function holdInit(record: StateRecord): Descriptor | undefined {
  if (record.init_process_pid === 0) return undefined;
  return holdProcess(record.init_process_pid, record.init_process_start);
}

/** A handle to the first process, `undefined` if it has ended. */
export function openInit(record: StateRecord): ProcessHandle | undefined {
  if (record.init_process_pid === 0) return undefined;
  return openProcess(record.init_process_pid, record.init_process_start);
}
