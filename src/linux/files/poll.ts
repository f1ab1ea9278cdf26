// Waiting until one of several descriptors is ready: ppoll(2).

import { currentWaiter, type PollEntry } from "../../waits.ts";
import { mustCall } from "../call/call.ts";
import { viewOf } from "../call/words.ts";

export type { PollEntry } from "../../waits.ts";

/** ppoll(2). Returns the returned events of each entry in order; all 0 at the time limit. */
export function poll(entries: readonly PollEntry[], timeoutMs?: number): number[] {
  const waiter = currentWaiter();
  if (waiter !== undefined) return waiter.poll(entries, timeoutMs);
  const raw = new Uint8Array(entries.length * 8);
  const view = viewOf(raw);
  entries.forEach((entry, index) => {
    view.setInt32(index * 8, entry.fd, true);
    view.setInt16(index * 8 + 4, entry.events, true);
  });
  let timeout = new Uint8Array(0);
  if (timeoutMs !== undefined) {
    timeout = new Uint8Array(16);
    viewOf(timeout).setBigInt64(0, BigInt(Math.floor(timeoutMs / 1000)), true);
    // Not rounded up: a whole second of nanoseconds is invalid.
    viewOf(timeout).setBigInt64(8, BigInt(Math.floor((timeoutMs % 1000) * 1e6)), true);
  }
  mustCall("wait for events", "ppoll", raw, entries.length, timeout, 0, 8);
  return entries.map((_, index) => view.getInt16(index * 8 + 6, true));
}
