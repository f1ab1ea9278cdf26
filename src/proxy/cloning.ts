// The step in which a process clones itself. Pure. Called by conversation.ts.

import { isOutOfMemory, wrapError } from "../errors.ts";
import type { Descriptor } from "../linux/files/files.ts";
import { type Operation, operationError } from "./calls/operation.ts";
import type { Line } from "./line.ts";
import type { Step } from "./step.ts";

export interface Clone {
  /** The call that makes the child, and the operations that follow it in either process. */
  readonly operations: readonly Operation[];
  /** Our end of the child's control socket. Moving to its own end is the first thing that the child does. */
  readonly socket: Descriptor;
  /** What to try after a failure; `undefined` if there is no other way. */
  readonly otherwise?: () => readonly Operation[] | undefined;
}

/** The step in which the process clones itself. The line to the child is there when it has been answered. */
export class Cloning implements Step {
  child: Line | undefined;
  failure: unknown;
  readonly #clone: Clone;
  readonly #parent: () => Line;
  #operations: readonly Operation[];
  #isLastTry = false;

  constructor(clone: Clone, parent: () => Line) {
    this.#clone = clone;
    this.#operations = clone.operations;
    this.#parent = parent;
  }

  operations(): readonly Operation[] {
    return this.#operations;
  }

  recover(failed: Operation): void {
    const operations = this.#isLastTry ? undefined : this.#clone.otherwise?.();
    this.#isLastTry = true;
    if (operations === undefined) throw this.#fail(operationError(failed));
    this.#operations = operations;
  }

  finish(): void {
    try {
      this.child = this.#parent().child(this.#clone.socket);
    } catch (error) {
      throw this.#fail(error);
    }
  }

  #fail(error: unknown): unknown {
    this.failure = isOutOfMemory(error) ? wrapError("cannot make a process", error) : error;
    return error;
  }
}
