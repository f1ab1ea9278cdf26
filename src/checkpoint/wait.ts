// Waits for criu: for what it says, or for its end. Called by service.ts.

import type { Descriptor } from "../linux/files/files.ts";
import { type PollEntry, poll } from "../linux/files/poll.ts";
import { POLLIN } from "../linux/numbers/sched.ts";
import { openChild, type ProcessHandle } from "../linux/process/process-handle.ts";

/** How long criu may still work when the process that it works on has ended, in milliseconds. */
const PATIENCE_MS = 10_000;

/** What ends a wait, besides what criu says and its end. */
export interface Limits {
  readonly limitMs?: number;
  /** The process that criu works on. */
  readonly subject?: ProcessHandle | undefined;
  /** Ready if tsrun is to end. */
  readonly interrupt?: Descriptor | undefined;
}

/** `late`: the time is over; `lost`: it is over since the process has ended that criu works on. */
export type Event = "said" | "ended" | "late" | "lost" | "interrupted";

/**
 * Waits until criu has sent something, or has ended, or must be ended. A child of criu may have the socket
 * open for longer than criu, so the socket alone does not tell of its end.
 * @param socket tsrun's end; -1 once it is closed
 */
export function waitForCriu(pid: number, socket: number, limits: Limits): Event {
  using criu = openChild(pid);
  const fixed = [watched(socket), criu.wanted(), watched(limits.interrupt?.number ?? -1)];
  let { subject, limitMs = Number.POSITIVE_INFINITY } = limits;
  let last = performance.now() + limitMs;
  for (;;) {
    const left = Math.max(0, last - performance.now());
    const pause = Math.min(left, criu.patienceMs ?? left, subject?.patienceMs ?? left);
    const entries = [...fixed, subject?.wanted() ?? watched(-1)];
    const events = poll(entries, pause === Number.POSITIVE_INFINITY ? undefined : pause);
    const [said = 0, ended = 0, interrupted = 0, lost = 0] = events;
    if (said !== 0) return "said";
    if (ended !== 0 || criu.hasEndedUnseen()) return "ended";
    if (interrupted !== 0) return "interrupted";
    if (left === 0) return subject === limits.subject ? "late" : "lost";
    if (subject !== undefined && (lost !== 0 || subject.hasEndedUnseen())) {
      subject = undefined;
      last = Math.min(last, performance.now() + PATIENCE_MS);
    }
  }
}

/** ppoll(2) ignores an entry without a descriptor. */
function watched(fd: number): PollEntry {
  return { fd, events: POLLIN };
}
