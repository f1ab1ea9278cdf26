// What can be said to a process that carries out system calls (conversation.ts). Most of it is a list of
// operations; a step is for operations whose failure can be repaired, or whose results must be checked. Pure.

import type { SyscallName } from "../linux/numbers/syscalls.ts";
import type { Argument, Fd } from "./calls/arguments.ts";
import { close } from "./calls/calls.ts";
import { type Operation, resultOf } from "./calls/operation.ts";

export interface Step {
  /**
   * Steps of the same kind have the same operations and differ only in their texts. Each text is one
   * argument, in this order. Only the first of several such steps is asked for its operations; `finish` is
   * called on all.
   */
  readonly like?: { readonly kind: unknown; readonly texts: readonly string[] } | undefined;
  /**
   * Asks what must be known before the operations can be listed. Called when everything said before has been
   * done.
   */
  readonly first?: (() => void) | undefined;
  /** What to do, given what is known now. Called again after every repair. */
  operations(): readonly Operation[];
  /**
   * Repairs what made an operation of this step fail, or throws. Without it the operation's own error is
   * thrown.
   * @param pending this step and those that were said after it
   */
  recover?(failed: Operation, pending: readonly Step[]): void;
  /** Checks the results when all operations have been carried out; throws if they are not acceptable. */
  finish?(): void;
  /** Asks further with these results known, before anything that was said after this step. */
  readonly next?: (() => void) | undefined;
}

/**
 * Operations, a step, or a function, which is called when everything before it has been done, and may ask.
 */
export type Said = Operation | readonly Operation[] | Step | (() => void);

/** Operations whose failure gets another error than their own. */
export function inWords(
  operations: readonly Operation[],
  words: (failed: Operation) => Error,
  finish?: () => void,
): Step {
  return {
    operations: () => operations,
    recover: (failed) => {
      throw words(failed);
    },
    ...(finish === undefined ? {} : { finish }),
  };
}

/** The most operations in one message. */
export const MOST_OPERATIONS = 520;
/** The most bytes that one message can have filled; other data need not lie in it. */
export const MOST_BYTES = 0xc000;

/** What was said, as steps. */
export function stepsOf(said: Said): Step[] {
  if (typeof said === "function") return [new Turn(said)];
  if ("operations" in said) return [said];
  if (!("length" in said)) return [new Plain([said])];
  if (said.length === 0) return [];
  return partsOf(said).map((part) => new Plain(part));
}

/** Splits a list that is too long for one message, such as hundreds of masked paths or sysctls. */
export function partsOf(operations: readonly Operation[]): (readonly Operation[])[] {
  if (operations.length <= FEW) return [operations];
  const parts: Operation[][] = [];
  let part: Operation[] = [];
  let bytes = 0;
  for (const one of operations) {
    const size = one.out?.size ?? 0;
    if (part.length === MOST_OPERATIONS || bytes + size > MOST_BYTES || parts.length === 0) {
      part = [];
      parts.push(part);
      bytes = 0;
    }
    part.push(one);
    bytes += size;
  }
  return parts;
}

/** So few always fit one message: an operation that fills much memory is sent alone. */
const FEW = 64;

class Plain implements Step {
  readonly #operations: readonly Operation[];

  constructor(operations: readonly Operation[]) {
    this.#operations = operations;
  }

  operations(): readonly Operation[] {
    return this.#operations;
  }
}

/** A step that has no operations and only asks. */
class Turn implements Step {
  first: (() => void) | undefined;

  constructor(act: () => void) {
    this.first = () => {
      this.first = undefined;
      act();
    };
  }

  operations(): readonly Operation[] {
    return [];
  }
}

/** Operations whose failure the caller of `attempt` judges. */
export class Attempt implements Step {
  failed: Operation | undefined;
  readonly #operations: readonly Operation[];

  constructor(operations: readonly Operation[]) {
    this.#operations = operations;
  }

  operations(): readonly Operation[] {
    return this.failed === undefined ? this.#operations : [];
  }

  recover(failed: Operation): void {
    this.failed = failed;
  }
}

const OPENING: ReadonlySet<SyscallName> = new Set([
  ...(["openat", "openat2", "fsopen", "fsmount", "open_tree"] as const),
  // To the fixed numbers by which mount(2) reaches open files.
  "dup3",
]);

/** Operations that close what these have opened and not closed again. */
export function leftOpen(operations: Iterable<Operation>): Operation[] {
  const open = new Set<number>();
  for (const one of operations) {
    if (one.result === undefined || one.result < 0) continue;
    if (OPENING.has(one.call)) open.add(one.result);
    if (one.call === "close") open.delete(numberOf(one.args[0]));
  }
  return [...open].map(close);
}

function numberOf(argument: Argument | undefined): number {
  if (typeof argument === "number") return argument;
  return typeof argument === "object" && argument.kind === "operation" ? resultOf(argument) : -1;
}

/** The descriptor that an operation opens: its number, once that is known. */
export function held(opening: Operation): Fd {
  return opening.result === undefined ? opening : resultOf(opening);
}
