// Children of ours that nobody asks for a status: no zombie is left to whoever adopts our children, and
// nothing waits longer than a limit. A container may keep a process that it traces from us after its end
// (ptrace(2)), and a frozen cgroup of v1 holds even SIGKILL back.

import { SIGKILL, WNOHANG } from "../numbers/sched.ts";
import { tryWaitFor } from "./process.ts";
import { openChild, signalChild } from "./process-handle.ts";

/** How long the end of a process that was killed, or let go of, is waited for, milliseconds. */
const PATIENCE_MS = 10_000;

/** Waits for a child that ends by itself. */
export function reapChild(pid: number): void {
  if (tryWaitFor(pid, WNOHANG) !== 0) return;
  using child = openChild(pid);
  child.waitForEnd(PATIENCE_MS);
  tryWaitFor(pid, WNOHANG);
}

/** Kills a child that has not been waited for, and waits for its end. */
export function endChild(pid: number): void {
  signalChild(pid, SIGKILL);
  reapChild(pid);
}
