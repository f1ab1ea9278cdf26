// Coroutines: functions that each run on a stack of their own (../native/coroutine.c). One that suspends
// itself, however deep in its calls, goes on there when it is resumed.

import { newCoroutine, resume } from "native";

export { suspend } from "native";

export class Coroutine {
  readonly #address: number;

  /** @param act runs when it is first resumed, and has to come to its end: until then its stack is kept */
  constructor(act: () => void) {
    this.#address = newCoroutine(act);
  }

  /**
   * Runs it until it suspends itself or ends. True when it has ended: it must not be resumed any more. Throws
   * what `act` throws.
   */
  resume(): boolean {
    return resume(this.#address);
  }
}
