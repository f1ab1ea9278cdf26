// `run`: creates and starts a container; in the foreground, stays until its first process has ended.

import { reapChild } from "../linux/process/children.ts";
import { phase } from "../spans.ts";
import { attachTerminal } from "./console.ts";
import { createContainer } from "./create.ts";
import { destroyIfThere, endOf, killAndWait, rememberEnd } from "./destroy.ts";
import { type Attendant, prepareForeground, type SupervisedEnd, supervise } from "./foreground.ts";
import { checkInherited } from "./handed-down.ts";
import { proxyNotifications } from "./notify-socket.ts";
import type { GlobalOptions, RunOptions } from "./options.ts";
import type { StateRecord } from "./record.ts";
import { release, type Watcher } from "./start.ts";
import type { StateDirectory } from "./store.ts";
import { Undo } from "./undo.ts";

/** Watches a container in the foreground (`record`). */
export interface Spectator extends Watcher {
  /** The container is made, and not started yet. */
  begin(record: StateRecord): void;
  readonly attendant: Attendant;
}

/**
 * Runs a container. Returns the exit status of its process, 128 + signal if a signal ended it, 0 if detached.
 */
export function runContainer(globals: GlobalOptions, options: RunOptions, spectator?: Spectator): number {
  // Before tsrun opens the descriptor that receives signals, which could be taken for one of the caller's.
  checkInherited(options, globals);
  const foreground = options.detach ? undefined : prepareForeground({ reaper: !options.noSubreaper });
  const mode = { foreground: foreground !== undefined, watch: spectator, startsIt: true };
  const created = createContainer(globals, options, mode);
  const { terminal, record } = created;
  using directory = created.directory;
  using undo = new Undo();
  undo.add(() => {
    killAndWait(record);
    reapChild(record.init_process_pid);
    destroyIfThere(directory, record, { by: "run" });
  });
  using relay = attachTerminal(terminal, globals);
  using notify = proxyNotifications(globals, directory, options.notifySocket);
  spectator?.begin(record);
  release(globals, directory, record, spectator);
  if (foreground === undefined) {
    undo.commit();
    notify?.waitUntilReady(record);
    return 0;
  }
  phase("the program runs");
  const end = supervise(record.init_process_pid, foreground, {
    ...{ relay, notify },
    attendant: spectator?.attendant,
  });
  undo.commit();
  phase("remove the container");
  if (options.keep) rememberEnd(directory, record, { by: "run", end: endOf(end) });
  else destroyOrWarn(globals, directory, { record, end });
  return end.status;
}

/** AS RUNC: the command returns the process's exit status even if poststop hooks fail. */
function destroyOrWarn(
  { log }: GlobalOptions,
  directory: StateDirectory,
  { record, end }: { readonly record: StateRecord; readonly end: SupervisedEnd },
): void {
  try {
    destroyIfThere(directory, record, { by: "run", end: endOf(end) });
  } catch (error) {
    log.warning(error instanceof Error ? error.message : String(error));
  }
}
