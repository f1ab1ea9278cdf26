// A line to a kernel in memory that notes what is sent.

import { type Actor, StandIn } from "../../../src/proxy/line.ts";
import type { Entry } from "../../../src/proxy/wire/repeat.ts";

export class Watched extends StandIn {
  readonly messages: (readonly Entry[])[] = [];
  readonly #onSend: () => void;

  constructor(actor: Actor, onSend = (): void => {}) {
    super(actor);
    this.#onSend = onSend;
  }

  override send(entries: readonly Entry[]): void {
    this.messages.push(entries);
    this.#onSend();
    super.send(entries);
  }
}
