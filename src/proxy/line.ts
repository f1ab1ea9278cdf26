// Who is at the other end of a conversation: a process (proxy.ts), or what stands in for one where nothing is
// to happen, as in a rehearsal and in tests. Pure.

import type { Descriptor } from "../linux/files/files.ts";
import type { Operation } from "./calls/operation.ts";
import type { EncodedBatch } from "./wire/batch.ts";
import { type Entry, operationsOf } from "./wire/repeat.ts";

export interface Line {
  /** The process' pid as tsrun sees it. */
  readonly pid: number;
  /** The number of the control socket in the process itself. */
  readonly control: number;
  /** Sends a message, whose answer `receive` takes. */
  send(entries: readonly Entry[], encoded: EncodedBatch | undefined): void;
  /** Waits for the answer, and puts the results in. Returns the operation that stopped the message. */
  receive(): Operation | undefined;
  /** The other end of the child that the last message has cloned. Throws when that has failed. */
  child(socket: Descriptor): Line;
  /** A message that ends with execve(2). Returns what stopped it; `undefined` when it became the program. */
  execute(operations: readonly Operation[]): Operation | undefined;
  /** A message whose answer goes elsewhere. */
  leave(operations: readonly Operation[]): void;
  limitPatience(seconds: number, impatience: string): void;
  /** The name of what comes next, for a rehearsal. */
  enter?(stage: string): void;
  /** Lets go of the process, which leaves. */
  close(): void;
  /** Waits until it has left. */
  reap(): void;
  /** Ends it, whatever it does. */
  end(): void;
}

/** Carries operations out by itself, without a process. */
export interface Actor {
  readonly pid: number;
  readonly control: number;
  /** In their order, up to the first that fails and may not; returns that. */
  attempt(operations: readonly Operation[]): Operation | undefined;
  leave?(operations: readonly Operation[]): void;
  /** The child that the clone among the operations before has made. */
  child?(): Actor;
  enter?(stage: string): void;
}

/** A line to somebody who is no process. */
export class StandIn implements Line {
  readonly #actor: Actor;
  #failed: Operation | undefined;

  constructor(actor: Actor) {
    this.#actor = actor;
  }

  get pid(): number {
    return this.#actor.pid;
  }

  get control(): number {
    return this.#actor.control;
  }

  send(entries: readonly Entry[]): void {
    this.#failed = this.#actor.attempt(operationsOf(entries));
  }

  receive(): Operation | undefined {
    return this.#failed;
  }

  child(): Line {
    const child = this.#actor.child?.();
    if (child === undefined) throw new Error("nobody has been cloned");
    return new StandIn(child);
  }

  execute(operations: readonly Operation[]): Operation | undefined {
    this.leave(operations);
    return undefined;
  }

  leave(operations: readonly Operation[]): void {
    this.#actor.leave?.(operations);
  }

  limitPatience(): void {}

  enter(stage: string): void {
    this.#actor.enter?.(stage);
  }

  close(): void {}

  reap(): void {}

  end(): void {}
}
