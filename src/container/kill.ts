// `kill`: sends a signal to the first process, or, if the container shares its pid namespace, to all its
// processes.

import { killProcesses, readProcesses } from "../cgroups/members.ts";
import { TsrunError } from "../errors.ts";
import { SIGKILL } from "../linux/numbers/sched.ts";
import { phase } from "../spans.ts";
import type { GlobalOptions, KillOptions } from "./options.ts";
import { signalInit } from "./signal-init.ts";
import { getStateDirectory } from "./store.ts";

/** Sends a signal. Throws with runc's text if there is nothing to signal. */
export function killContainer(globals: GlobalOptions, { id, signal, all }: KillOptions): void {
  phase("read the state");
  using directory = getStateDirectory(globals.root, id);
  const record = directory.load();
  phase("send the signal");
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
