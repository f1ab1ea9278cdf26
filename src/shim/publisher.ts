// Tells containerd what happens, in order, over its ttrpc service for events. Events that containerd does not
// take because it restarts are sent again later.

import { encode, type ValuesOf } from "../protobuf/protobuf.ts";
import type { Loop } from "./loop/loop.ts";
import { Once, type Routine, start, waitFor } from "./loop/routine.ts";
import { EVENTS, type EventName, FORWARD_REQUEST } from "./messages/events.ts";
import { timestamp } from "./messages/well-known.ts";
import { Client } from "./ttrpc/client.ts";

const SERVICE = "containerd.services.events.ttrpc.v1.Events";
/**
 * The most events that are kept, enough for days of `exec` while containerd is away. The oldest are dropped.
 */
const MOST_KEPT = 16_384;
/** The most events that wait for a containerd that takes them; then requests that lead to more wait. */
const MOST_AHEAD = 128;
/**
 * How long to wait before each retry after a failure, milliseconds: longer each time, up to the last value.
 */
const PAUSES_MS = [100, 250, 500, 1_000, 2_000, 5_000];

export class Publisher {
  readonly #loop: Loop;
  readonly #client: Client | undefined;
  readonly #namespace: string;
  readonly #log: (line: string) => void;
  readonly #queue: Waiting[] = [];
  #sending = false;
  #isAway = false;
  /** Continuations of requests that are held up. */
  #heldUp: (() => void)[] = [];
  #emptied: Once<void> = new Once();

  constructor(loop: Loop, { address, namespace, log }: PublisherOptions) {
    this.#loop = loop;
    this.#client = address === undefined ? undefined : new Client(loop, address);
    this.#namespace = namespace;
    this.#log = log;
  }

  /** @param gone called when the event has been sent or dropped */
  publish<N extends EventName>(
    name: N,
    values: ValuesOf<(typeof EVENTS)[N][1]>,
    gone: () => void = () => {},
  ): void {
    if (this.#client === undefined) {
      gone();
      return;
    }
    const [topic, message] = EVENTS[name];
    const event = { typeUrl: `containerd.events.${name}`, value: encode(message, values) };
    const envelope = { timestamp: timestamp(Date.now()), namespace: this.#namespace, topic, event };
    this.#queue.push({ request: encode(FORWARD_REQUEST, { envelope }), gone });
    if (this.#queue.length > MOST_KEPT) {
      this.#queue.shift()?.gone();
      this.#log("containerd is away for too long: the oldest event is dropped");
    }
    if (this.#sending) return;
    this.#sending = true;
    start(this.#sendAll(this.#client), () => {
      this.#sending = false;
    });
  }

  /** Waits while containerd takes events more slowly than they come. While it is away, nothing waits. */
  *room(): Routine<void> {
    while (this.#queue.length > MOST_AHEAD && !this.#isAway) {
      yield* waitFor<void>((resume) => void this.#heldUp.push(() => resume()));
    }
  }

  /** Waits until containerd has taken all events, but no longer than this. */
  *flush(limitMs: number): Routine<void> {
    if (this.#queue.length === 0) return;
    this.#emptied = new Once();
    const emptied = this.#emptied;
    const timer = this.#loop.after(limitMs, () => emptied.happen(undefined));
    yield* emptied.wait();
    timer.cancel();
  }

  *#sendAll(client: Client): Routine<void> {
    let failures = 0;
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const isTaken = yield* client.call(SERVICE, "Forward", next.request);
      this.#isAway = !isTaken;
      if (isTaken && this.#queue[0] === next) this.#queue.shift()?.gone();
      if (this.#isAway || this.#queue.length <= MOST_AHEAD) this.#goOn();
      if (isTaken) {
        failures = 0;
        continue;
      }
      const pause = PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)] ?? 0;
      failures += 1;
      yield* waitFor<void>((resume) => void this.#loop.after(pause, () => resume()));
    }
    this.#emptied.happen(undefined);
  }

  /** Each of them looks again whether there is room. */
  #goOn(): void {
    const heldUp = this.#heldUp;
    if (heldUp.length === 0) return;
    this.#heldUp = [];
    for (const resume of heldUp) resume();
  }
}

/** An event that waits to be sent. */
interface Waiting {
  readonly request: Uint8Array;
  readonly gone: () => void;
}

export interface PublisherOptions {
  /** The path of containerd's ttrpc socket; without it, nothing is published. */
  readonly address: string | undefined;
  readonly namespace: string;
  readonly log: (line: string) => void;
}
