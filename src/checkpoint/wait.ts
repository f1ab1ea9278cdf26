// Waits for criu: for what it says, or for its end. Called by service.ts.

import { type PollEntry, poll } from "../linux/files/poll.ts";
import { POLLIN } from "../linux/numbers/sched.ts";
import { openChild } from "../linux/process/process-handle.ts";

/** An entry without a descriptor, which ppoll(2) ignores. */
const NOTHING: PollEntry = { fd: -1, events: 0 };

/**
 * Waits until criu has sent something, or has ended. A child of criu may have the socket open for longer than
 * criu, so the socket alone does not tell of its end.
 * @param socket tsrun's end; -1 once it is closed
 */
export function waitForCriu(pid: number, socket: number): "said" | "ended" {
  using criu = openChild(pid);
  for (;;) {
    const entries = [socket < 0 ? NOTHING : { fd: socket, events: POLLIN }, criu.wanted()];
    const [said = 0, ended = 0] = poll(entries, criu.patienceMs);
    if (said !== 0) return "said";
    if (ended !== 0 || criu.hasEndedUnseen()) return "ended";
  }
}
