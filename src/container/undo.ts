// Remembers what has been made so far, so that a failure can undo it in reverse order. Used by the stories.

import { useReserve } from "../engine/host/memory.ts";
import { TsrunError } from "../errors.ts";

/** A stack of undo actions; `commit` drops them. */
export class Undo implements Disposable {
  readonly #actions: (() => void)[] = [];
  #last: (() => void) | undefined;

  /** Adds the action that undoes the last step. */
  add(action: () => void): void {
    this.#actions.push(action);
  }

  /** Adds an action that runs after all others. */
  addLast(action: () => void): void {
    this.#last = action;
  }

  /** All went well: nothing will be undone, and nothing may fail after this. */
  commit(): void {
    useReserve();
    this.#actions.length = 0;
    this.#last = undefined;
  }

  /**
   * Undoes everything. A failing action does not stop the others: the error that led here is the one to
   * report.
   */
  [Symbol.dispose](): void {
    useReserve();
    for (const action of this.#actions.reverse().concat(this.#last ?? [])) {
      // The first attempt may run out of memory; the second one has the reserve.
      if (!isDone(action)) isDone(action);
    }
    this.commit();
  }
}

/** False if the engine ran out of memory. */
function isDone(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    // `delete --force` removes what is left; the first error says why.
    return error instanceof TsrunError;
  }
}
