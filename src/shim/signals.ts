// Signals to a container's processes, and the errors of those that cannot be sent, in containerd's words.

import { TsrunError } from "../errors.ts";
import { ESRCH } from "../linux/numbers/errno.ts";
import { signalIfRunning } from "./streams/logger.ts";
import type { TaskProcess } from "./task-process.ts";
import { RequestError } from "./ttrpc/status.ts";

/** The sender of signals as `why` shows it, as if the shim had called a runtime. */
export function itself(): { readonly pid: number; readonly name: string } {
  return { pid: process.pid, name: "containerd-shim-tsrun-v2" };
}

export function killExec(process: TaskProcess, signal: number): void {
  if (process.pid === 0) throw new RequestError("failed precondition", "process not created");
  const result = process.exited.happened ? -ESRCH : signalIfRunning(process.pid, signal);
  if (result === -ESRCH) throw new RequestError("not found", "process already finished");
  if (result < 0) throw new Error(`exec kill error: errno ${-result}`);
}

/** The error in containerd's words. */
export function killError(error: unknown): unknown {
  if (!(error instanceof TsrunError)) return error;
  const { message } = error;
  if (message.includes("container not running") || error.errno === "ESRCH") {
    return new RequestError("not found", "process already finished");
  }
  if (message.includes("does not exist")) return new RequestError("not found", "no such container");
  return new Error(`unknown error after kill: ${message}`);
}
