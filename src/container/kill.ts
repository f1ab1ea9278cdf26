// `kill`: sends a signal to the first process, or, if the container shares its pid namespace, to all its
// processes.

import { killProcesses, readProcesses } from "../cgroups/members.ts";
import { TsrunError } from "../errors.ts";
import { tryCall } from "../linux/call/call.ts";
import { peekText } from "../linux/files/peek.ts";
import { AT_FDCWD } from "../linux/numbers/fcntl.ts";
import { SIGKILL } from "../linux/numbers/sched.ts";
import { phase } from "../spans.ts";
import { mayEnd, signalNote } from "./ending.ts";
import type { GlobalOptions, KillOptions } from "./options.ts";
import { ownCgroup } from "./own-cgroup.ts";
import { signalInit } from "./signal-init.ts";
import { getStateDirectory, type StateDirectory } from "./store.ts";

/** Sends a signal. Throws with runc's text if there is nothing to signal. */
export function killContainer(globals: GlobalOptions, { id, signal, all, asker }: KillOptions): void {
  phase("read the state");
  using directory = getStateDirectory(globals.root, id);
  const record = directory.load();
  phase("send the signal");
  // Without its own pid namespace no process ends with the first one: the cgroup tells which ones belong to
  // the container.
  const cgroup = ownCgroup(record);
  if (signal === SIGKILL && !record.ownPidNamespace && readProcesses(cgroup).length > 0) {
    killProcesses(cgroup, signal);
    noteSignal(directory, signal, asker);
    return;
  }
  const sent = signalInit(record, signal);
  if (sent) noteSignal(directory, signal, asker);
  // AS RUNC: --all only makes "nothing left to signal" a success.
  if (!sent && !all) throw new TsrunError("E_STATE", "container not running");
}

/** For `why`. Only what is sent to a process that was there may have ended it. */
function noteSignal(directory: StateDirectory, signal: number, asker: KillOptions["asker"]): void {
  if (!mayEnd(signal)) return;
  const { pid, name } = asker ?? parent();
  directory.noteSignal(signal, signalNote({ at: Date.now(), pid, name }));
}

function parent(): { readonly pid: number; readonly name: string } {
  const pid = tryCall("getppid");
  const name = peekText(`/proc/${pid}/comm`, AT_FDCWD);
  return { pid, name: typeof name === "string" ? name.trimEnd() : "" };
}
