// The other end of a conversation: a process (proxy.ts), or a stand-in where nothing is to happen, as in a
// rehearsal and in tests. Pure.

import type { Descriptor } from "../linux/files/files.ts";
import type { Operation } from "./calls/operation.ts";
import type { EncodedBatch, Needs } from "./wire/batch.ts";
import { type Entry, operationsOf } from "./wire/repeat.ts";

/** What is known of a message already. */
export interface Prepared {
  readonly encoded?: EncodedBatch | undefined;
  /** What its entries need room for. */
  readonly needs?: Needs | undefined;
}

export interface Line {
  /** The process's pid as tsrun sees it. */
  readonly pid: number;
  /** The number of the control socket in the process itself. */
  readonly control: number;
  /** Sends a message; `receive` takes its answer. */
  send(entries: readonly Entry[], prepared: Prepared): void;
  /**
   * Waits for the answer and fills in the results. Returns the operation that stopped the message, if any.
   */
  receive(): Operation | undefined;
  /** A line to the child that the last message cloned. Throws if the clone failed. */
  child(socket: Descriptor): Line;
  /**
   * Sends a message that ends with execve(2). Returns what stopped it; `undefined` if the process became the
   * program.
   */
  execute(operations: readonly Operation[]): Operation | undefined;
  /** Sends a message whose answer another reader gets. */
  leave(operations: readonly Operation[]): void;
  limitPatience(seconds: number, impatience: string): void;
  /** The name of the stage that begins, for a rehearsal. */
  enter?(stage: string): void;
  /** Closes the line; the process then exits. */
  close(): void;
  /** Waits until the process has exited. */
  reap(): void;
  /** Kills the process, whatever it is doing. */
  end(): void;
}

/** Carries operations out by itself, without a process. */
export interface Actor {
  readonly pid: number;
  readonly control: number;
  /**
   * Carries the operations out in order. Stops at the first failure that `goOn` does not allow, and returns
   * that operation.
   */
  attempt(operations: readonly Operation[]): Operation | undefined;
  leave?(operations: readonly Operation[]): void;
  /** The child that the last clone made. */
  child?(): Actor;
  enter?(stage: string): void;
}

/** A line to an actor instead of a process. */
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
