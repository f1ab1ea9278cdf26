// Runs stories of container/ in the shim, each as a routine. A story has a stack of its own, a coroutine:
// wherever it waits for another process, the routine waits instead, and the loop serves others.

import { Coroutine, suspend } from "../../engine/host/coroutine.ts";
import { type PollEntry, type Waiter, waitBy } from "../../waits.ts";
import type { Loop, Timer, Watch } from "./loop.ts";
import { type Outcome, type Routine, waitFor } from "./routine.ts";

interface Poll {
  readonly entries: readonly PollEntry[];
  readonly timeoutMs: number | undefined;
}

/** How many stories may run at the same time: the memory that each needs stays with the shim. */
const MOST = 2;

export class Stories {
  readonly #loop: Loop;
  #running = 0;

  constructor(loop: Loop) {
    this.#loop = loop;
  }

  get areFull(): boolean {
    return this.#running >= MOST;
  }

  /** Runs a story. Throws what it throws. */
  *run(story: () => void): Routine<void> {
    const waiter = new StoryWaiter();
    const coroutine = new Coroutine(story);
    this.#running += 1;
    try {
      while (!waitBy(waiter, () => coroutine.resume())) yield* this.#waitFor(waiter);
    } finally {
      this.#running -= 1;
    }
  }

  *#waitFor(waiter: StoryWaiter): Routine<void> {
    try {
      waiter.answer({ ok: true, value: yield* pollOn(this.#loop, waiter.asked) });
    } catch (error) {
      waiter.answer({ ok: false, error });
    }
  }
}

/** Hands what the story waits for to the routine, and the events back. */
class StoryWaiter implements Waiter {
  /** What it waits for. */
  asked: Poll = { entries: [], timeoutMs: 0 };
  #outcome: Outcome<number[]> = { ok: true, value: [] };

  /** In the story. */
  poll(entries: readonly PollEntry[], timeoutMs: number | undefined): number[] {
    this.asked = { entries, timeoutMs };
    suspend();
    const outcome = this.#outcome;
    if (!outcome.ok) throw outcome.error;
    return outcome.value;
  }

  /** What its wait led to; it gets it when it is resumed. */
  answer(outcome: Outcome<number[]>): void {
    this.#outcome = outcome;
  }
}

/** Like ppoll(2), by the loop: its events have the same numbers as those of epoll(7). */
function* pollOn(loop: Loop, { entries, timeoutMs }: Poll): Routine<number[]> {
  const events = entries.map(() => 0);
  const watches: Watch[] = [];
  let timer: Timer | undefined;
  try {
    yield* waitFor<void>((resume) => {
      entries.forEach(({ fd, events: wanted }, index) => {
        // Both leave out such an entry.
        if (fd < 0) return;
        const happened = (seen: number): void => {
          events[index] = seen;
          resume();
        };
        watches.push(loop.watch(fd, wanted, happened));
      });
      if (timeoutMs !== undefined) timer = loop.after(timeoutMs, () => resume());
    });
  } finally {
    for (const watch of watches.splice(0)) watch.stop();
    timer?.cancel();
  }
  return events;
}
