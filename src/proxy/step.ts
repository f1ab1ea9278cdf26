// What is said to a process that carries out system calls (conversation.ts). Most of it is a list of
// operations; what may fail in a way that can be repaired, or needs a look at its results, is a step. Pure.

import type { SyscallName } from "../linux/numbers/syscalls.ts";
import type { Argument, Fd } from "./calls/arguments.ts";
import { close } from "./calls/calls.ts";
import { type Operation, resultOf } from "./calls/operation.ts";

export interface Step {
  /**
   * Steps of the same kind have the same operations, but for their texts, each of which stands for one
   * argument, in this order. Of many only the first is asked for its operations; `finish` of the others is
   * called without.
   */
  readonly like?: { readonly kind: unknown; readonly texts: readonly string[] } | undefined;
  /** What has to be asked before its operations can be told, when all that was said before has been done. */
  readonly first?: (() => void) | undefined;
  /** What to do, given what is known now. Called again after every repair. */
  operations(): readonly Operation[];
  /**
   * Repairs what made an operation of this step fail, or throws. Without it a failure is the operation's own
   * error.
   * @param pending this step and those that were said after it
   */
  recover?(failed: Operation, pending: readonly Step[]): void;
  /** Looks at the results, once all operations have been carried out; throws when they will not do. */
  finish?(): void;
  /** What is to be asked with these results in hand, before anything that was said after this step. */
  readonly next?: (() => void) | undefined;
}

/** Operations, a step, or a function: that is called when all before it has been done, and may ask. */
export type Said = Operation | readonly Operation[] | Step | (() => void);

/** Operations whose failure is put in other words than their own. */
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

/** More than these, or more bytes to be filled, fit no message. */
export const MOST_OPERATIONS = 520;
/** Bytes of memory to be filled in one message; other data need not lie in it. */
export const MOST_BYTES = 0xc000;

/** What was said, as steps. */
export function stepsOf(said: Said): Step[] {
  if (typeof said === "function") return [new Turn(said)];
  if ("operations" in said) return [said];
  if (!("length" in said)) return [new Plain([said])];
  if (said.length === 0) return [];
  return partsOf(said).map((part) => new Plain(part));
}

/** Hundreds of masked paths or of sysctls go in several messages. */
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

/** So few fit one message: what fills much memory goes alone. */
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

/** A step that has nothing to do but to ask. */
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

/** Operations whose failure is the asker's to judge. */
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
  // To the fixed numbers that mount(2) reaches them by.
  "dup3",
]);

/** Closes what these operations have opened and not closed again. */
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

/** An operation's descriptor: by its number once it is known. */
export function held(opening: Operation): Fd {
  return opening.result === undefined ? opening : resultOf(opening);
}
