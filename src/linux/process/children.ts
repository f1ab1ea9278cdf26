// Waits for children whose status nobody needs, so that no zombie is left to the process that adopts our
// children, but never longer than a limit. A container may hide the end of a process that it traces from us
// (ptrace(2)), and a frozen v1 cgroup delays even SIGKILL.

import { SIGKILL, WNOHANG } from "../numbers/sched.ts";
import { tryWaitFor } from "./process.ts";
import { openChild, signalChild } from "./process-handle.ts";

/** How long to wait for the end of a process that was killed or released, in milliseconds. */
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
