// One loop for everything that a shim waits for: descriptors, by epoll(7), and times. Handlers run one after
// another and never wait themselves, so no request delays another.

import { mustCall, tryCall } from "../../linux/call/call.ts";
import { viewOf } from "../../linux/call/words.ts";
import { Descriptor } from "../../linux/files/files.ts";
import { O_CLOEXEC } from "../../linux/numbers/fcntl.ts";
import { machine } from "../../linux/numbers/syscalls.ts";

export const EPOLLIN = 1;
export const EPOLLOUT = 4;
/** Edge-triggered: reports an event when it comes, not as long as it lasts. */
export const EPOLLET = 1 << 31;

const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
/** `struct epoll_event` is packed on x86-64 only (<linux/eventpoll.h>). */
const EVENT_SIZE = machine === "x86-64" ? 12 : 16;
const DATA_OFFSET = machine === "x86-64" ? 4 : 8;
/** The most events that one call returns. */
const MOST_AT_ONCE = 64;

type Handler = (events: number) => void;

interface Watched {
  handler: Handler;
  readonly watch: number;
}

/**
 * A descriptor that the loop watches. Whoever started the watch has to stop it before the descriptor is
 * closed.
 */
export interface Watch {
  /** Waits for these events from now on; 0 means only errors and hang-ups. */
  change(events: number): void;
  stop(): void;
}

export interface Timer {
  cancel(): void;
}

interface Alarm {
  readonly at: number;
  readonly ring: () => void;
}

const nobody: Handler = () => {};

export class Loop {
  readonly #epoll = new Descriptor(mustCall("make an epoll instance", "epoll_create1", O_CLOEXEC));
  readonly #handlers: Map<number, Watched> = new Map();
  /** Tells watches of the same descriptor number apart. */
  #watches = 0;
  readonly #alarms: Set<Alarm> = new Set();
  readonly #failed: (error: unknown) => void;
  #ended = false;

  /** @param failed gets what a handler throws; the other handlers go on */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  /** Calls `handler` as long as one of these events is pending (level-triggered). */
  watch(fd: number, events: number, handler: Handler): Watch {
    this.#watches = (this.#watches + 1) | 0;
    const one: Watched = { handler, watch: this.#watches };
    this.#control(EPOLL_CTL_ADD, fd, events, one.watch);
    this.#handlers.set(fd, one);
    let watched = events;
    return {
      change: (wanted) => {
        if (wanted === watched || this.#handlers.get(fd) !== one) return;
        watched = wanted;
        this.#control(EPOLL_CTL_MOD, fd, wanted, one.watch);
      },
      stop: () => {
        if (this.#handlers.get(fd) !== one) return;
        this.#handlers.delete(fd);
        // A handler often knows how to stop its watch: a circle, which the engine would keep.
        one.handler = nobody;
        tryCall("epoll_ctl", this.#epoll.number, EPOLL_CTL_DEL, fd, 0);
      },
    };
  }

  /** Calls `ring` once, after so many milliseconds. */
  after(milliseconds: number, ring: () => void): Timer {
    const alarm = { at: performance.now() + milliseconds, ring };
    this.#alarms.add(alarm);
    return { cancel: () => void this.#alarms.delete(alarm) };
  }

  /** Runs until `end` is called. */
  run(): void {
    const events = new Uint8Array(MOST_AT_ONCE * EVENT_SIZE);
    const view = viewOf(events);
    while (!this.#ended) {
      const wait = this.#waitMs();
      const { number } = this.#epoll;
      const count = mustCall("wait for events", "epoll_pwait", number, events, MOST_AT_ONCE, wait, 0, 8);
      for (let index = 0; index < count && !this.#ended; index++) {
        const at = index * EVENT_SIZE;
        const one = this.#handlers.get(view.getInt32(at + DATA_OFFSET, true));
        // An earlier handler may have stopped this watch, and begun another one on the same number.
        if (one?.watch !== view.getInt32(at + DATA_OFFSET + 4, true)) continue;
        this.attempt(() => one.handler(view.getUint32(at, true)));
      }
      this.#ringAlarms();
    }
  }

  end(): void {
    this.#ended = true;
  }

  /** Does `action`. What it throws is reported. */
  attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#failed(error);
    }
  }

  #control(operation: number, fd: number, events: number, watch: number): void {
    const event = new Uint8Array(EVENT_SIZE);
    viewOf(event).setUint32(0, events, true);
    viewOf(event).setInt32(DATA_OFFSET, fd, true);
    viewOf(event).setInt32(DATA_OFFSET + 4, watch, true);
    mustCall("watch a descriptor", "epoll_ctl", this.#epoll.number, operation, fd, event);
  }

  /** Milliseconds until the next alarm; -1 is for ever. */
  #waitMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { at } of this.#alarms) next = Math.min(next, at);
    return next === Number.POSITIVE_INFINITY ? -1 : Math.max(0, Math.ceil(next - performance.now()));
  }

  #ringAlarms(): void {
    if (this.#alarms.size === 0) return;
    const now = performance.now();
    for (const alarm of [...this.#alarms]) {
      if (alarm.at > now || !this.#alarms.delete(alarm)) continue;
      this.attempt(alarm.ring);
    }
  }
}
