// Who waits when a story waits for another process. A command does so itself, by a system call that returns
// when there is something. A shim has other things to do meanwhile: it runs a story on a stack of its own,
// and hands in a waiter (shim/loop/story.ts). Pure.

/** An event of poll(2) on a descriptor. */
export interface PollEntry {
  readonly fd: number;
  /** POLLIN, POLLOUT */
  readonly events: number;
}

export interface Waiter {
  /** As `poll` of linux/files/poll.ts. */
  poll(entries: readonly PollEntry[], timeoutMs: number | undefined): number[];
}

let waiter: Waiter | undefined;

/** The waiter of the story that runs now; `undefined` if that may block. */
export function currentWaiter(): Waiter | undefined {
  return waiter;
}

/** Does `act`, in which this one waits. */
export function waitBy<T>(one: Waiter, act: () => T): T {
  const before = waiter;
  waiter = one;
  try {
    return act();
  } finally {
    waiter = before;
  }
}
