// `pause` and `resume`: stop all processes of a container, and let them run again.

import { freeze, thaw } from "../cgroups/freezer.ts";
import { TsrunError } from "../errors.ts";
import type { GlobalOptions } from "./options.ts";
import { notRunning, statusOf } from "./status.ts";
import { getStateDirectory } from "./store.ts";

/** Freezes a running or created container. Returns when every process has stopped. */
export function pauseContainer(globals: GlobalOptions, id: string): void {
  using directory = getStateDirectory(globals.root, id);
  directory.lock();
  const record = directory.load();
  const status = statusOf(record, directory);
  if (status !== "running" && status !== "created") {
    throw notRunning(id, status);
  }
  freeze(record.cgroup);
}

/** Lets the processes of a paused container run again. */
export function resumeContainer(globals: GlobalOptions, id: string): void {
  using directory = getStateDirectory(globals.root, id);
  directory.lock();
  const record = directory.load();
  const status = statusOf(record, directory);
  if (status !== "paused") {
    throw new TsrunError("E_STATE", "container not paused", { hint: `container "${id}" is ${status}` });
  }
  thaw(record.cgroup);
}
