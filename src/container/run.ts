// `run`: create and start in one command; in the foreground, stay until the container's process has ended.

import { mustCall } from "../linux/call.ts";
import type { Descriptor } from "../linux/files.ts";
import { poll, waitFor } from "../linux/process.ts";
import { POLLIN, PR_SET_CHILD_SUBREAPER, SIGCHLD, SIGURG, SIGWINCH, WNOHANG } from "../linux/sched.ts";
import { nextSignal, receiveSignals } from "../linux/signals.ts";
import { createContainer } from "./create.ts";
import { destroy, killAndWait } from "./delete.ts";
import { signalInit } from "./kill.ts";
import type { GlobalOptions, RunOptions } from "./options.ts";
import type { StateRecord } from "./record.ts";
import { release } from "./start.ts";
import { getStateDirectory } from "./store.ts";
import { Undo } from "./undo.ts";

/** Runs a container. Returns the exit status of its process, 128 + signal when a signal ended it, 0 when detached. */
export function runContainer(globals: GlobalOptions, options: RunOptions): number {
  // Before anything is started: a signal that arrives meanwhile is kept, and forwarded as soon as there is somebody.
  const signals = options.detach ? undefined : receiveSignals();
  if (signals !== undefined && !options.noSubreaper) {
    // What the container's process leaves behind comes to us, not to whoever called us.
    mustCall("become a subreaper", "prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  }
  createContainer(globals, options);
  using directory = getStateDirectory(globals.root, options.id);
  const record = directory.load();
  using undo = new Undo();
  undo.add(() => {
    killAndWait(record);
    waitFor(record.init_process_pid, WNOHANG);
    destroy(directory, record);
  });
  release(directory, record);
  if (signals === undefined) {
    undo.commit();
    return 0;
  }
  const status = supervise(record, signals);
  if (options.keep) undo.commit();
  return status;
}

/** Forwards signals and reaps children until the first process has ended. */
export function supervise(record: StateRecord, signals: Descriptor): number {
  for (;;) {
    const status = reapUntil(record.init_process_pid);
    if (status !== undefined) return status;
    poll([{ fd: signals.number, events: POLLIN }]);
    for (let signal = nextSignal(signals); signal !== undefined; signal = nextSignal(signals)) {
      forward(record, signal);
    }
  }
}

function reapUntil(pid: number): number | undefined {
  for (;;) {
    const ended = waitFor(-1, WNOHANG);
    if (ended === undefined) return undefined;
    if (ended.pid === pid) return ended.status;
  }
}

function forward(record: StateRecord, signal: number): void {
  // SIGCHLD is ours. AS RUNC: SIGURG is not forwarded, and SIGWINCH concerns a terminal, which the kernel tells itself.
  if (signal === SIGCHLD || signal === SIGURG || signal === SIGWINCH) return;
  try {
    signalInit(record, signal);
  } catch {
    // The process ended just now: the loop is about to see it.
  }
}
