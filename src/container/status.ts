// What state a container is in, read from the kernel and the state directory. Called by every story but
// create.

import { freezeState } from "../cgroups/driver.ts";
import { mustCall, tryCall } from "../linux/call.ts";
import { ESRCH } from "../linux/errno.ts";
import { Descriptor, readLink } from "../linux/files.ts";
import { processStatus } from "../linux/process.ts";
import type { Status } from "./options.ts";
import type { StateRecord } from "./record.ts";
import type { StateDirectory } from "./store.ts";

/** The proxy's executable as /proc/PID/exe shows it. */
const PROXY_EXECUTABLE = "/memfd:tsrun-init (deleted)";

/** runc's order: frozen is paused, gone is stopped, waiting is created, else running. */
export function statusOf(record: StateRecord, directory: StateDirectory): Status {
  const waiting = directory.waiting();
  if (!isAlive(record)) return "stopped";
  if (freezeState(record.cgroup) === "frozen") return "paused";
  if (waiting === undefined) return "running";
  // The kernel has the last word: a `start` that was killed half-way may have left the FIFO of a running
  // container. Where /proc/PID/exe may not be read, rootless for one, the FIFO alone decides.
  const executable = readLink(`/proc/${record.init_process_pid}/exe`);
  return executable === undefined || executable === PROXY_EXECUTABLE ? waiting : "running";
}

/** Whether the first process still runs: same pid, same start time, no zombie. */
export function isAlive(record: StateRecord): boolean {
  if (record.init_process_pid === 0) return false;
  const found = processStatus(record.init_process_pid);
  if (found === undefined || found.startTime !== record.init_process_start) return false;
  return found.state !== "Z" && found.state !== "X";
}

/** A handle on the first process that no other process can slip under, `undefined` when it has ended. */
export function openProcess(record: StateRecord): Descriptor | undefined {
  if (record.init_process_pid === 0) return undefined;
  const fd = tryCall("pidfd_open", record.init_process_pid, 0);
  if (fd === -ESRCH) return undefined;
  if (fd < 0) mustCall("open the container's first process", "pidfd_open", record.init_process_pid, 0);
  // The start time is compared after opening: the handle now holds on to this very process.
  const handle = new Descriptor(fd);
  if (isAlive(record)) return handle;
  handle.close();
  return undefined;
}
