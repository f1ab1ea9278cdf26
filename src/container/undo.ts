// What has been made so far, so that a failure can take it back in reverse order. Called by the stories.

import { useReserve } from "../engine/host/memory.ts";
import { TsrunError } from "../errors.ts";

/** A stack of actions that undo; `commit` forgets them. */
export class Undo implements Disposable {
  readonly #actions: (() => void)[] = [];
  #last: (() => void) | undefined;

  /** Remembers how to take back what has just been made. */
  add(action: () => void): void {
    this.#actions.push(action);
  }

  /** Remembers what is to be done when all else has been taken back. */
  addLast(action: () => void): void {
    this.#last = action;
  }

  /** All went well: nothing is taken back any more, nor may anything fail. */
  commit(): void {
    useReserve();
    this.#actions.length = 0;
    this.#last = undefined;
  }

  /**
   * Takes everything back. One failure does not stop the rest: the error that led here is the one to report.
   */
  [Symbol.dispose](): void {
    useReserve();
    for (const action of this.#actions.reverse().concat(this.#last ?? [])) {
      // The engine may be refused memory in the middle of the first: at the second there is the reserve.
      if (!isDone(action)) isDone(action);
    }
    this.commit();
  }
}

/** False when it was the engine that could not. */
function isDone(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    // Whatever is left, `delete --force` removes; the first error says why.
    return error instanceof TsrunError;
  }
}
