// Carries out many steps in few round trips: the operations of as many steps as fit a message are sent at
// once, as if nothing could go wrong. Where one fails, its step decides what to do, and the rest goes on from
// there. Of steps that are alike only the first in a message is asked for its operations; those of the others
// are copied. Pure but for the proxy it is given; called by rootfs.ts.

import { throwIfOutOfMemory } from "../errors.ts";
import type { SyscallName } from "../linux/numbers/syscalls.ts";
import type { Argument, Fd } from "./calls/arguments.ts";
import { close } from "./calls/calls.ts";
import { type Operation, resultOf } from "./calls/operation.ts";
import type { AttemptOptions } from "./proxy.ts";
import { type EncodedBatch, encode } from "./wire/batch.ts";
import { type Entry, operationsOf, type Pattern, patternOf, repeat } from "./wire/repeat.ts";

export interface Step {
  /**
   * Steps with the same likeness have the same operations, but for their texts, of which each stands for one
   * argument, in this order; and they do not pause. `finish` is then called without `operations` before.
   */
  readonly likeness?: unknown;
  readonly texts?: readonly string[] | undefined;
  /** What to do, given what is known now. Called again after every repair. */
  operations(): Operation[];
  /** Repairs what made an operation of this step fail, or throws. */
  recover(failed: Operation, pending: readonly Step[]): void;
  /** Looks at the results, once all operations have been carried out; throws when they will not do. */
  finish?(): void;
  /** What comes after this step needs its results. */
  readonly pauses?: boolean;
  /** `operations` has something carried out itself: it is not called ahead of its turn. */
  readonly actsAtOnce?: boolean;
  /** `operations` goes by what the steps before have left: it is called when they have been carried out. */
  readonly goesByResults?: boolean;
}

export interface Batches {
  /** One step a message. */
  readonly oneByOne?: boolean;
  /** Steps may be asked for their operations while others are being carried out. */
  readonly allowsAhead?: boolean;
  /** Hands back the operation that stopped the batch. */
  attempt(entries: readonly Entry[], options?: AttemptOptions): Operation | undefined;
}

/** A step that has not got through after so many repairs never will. */
const MOST_REPAIRS = 8;
const MOST_OPERATIONS = 520;
/** Bytes of memory to be filled in one batch, which must lie in the message; other data need not. */
const MOST_BYTES = 0xc000;

const OPENING: ReadonlySet<SyscallName> = new Set([
  ...(["openat", "openat2", "fsopen", "fsmount", "open_tree"] as const),
  // To the fixed numbers that mount(2) reaches them by.
  "dup3",
]);

/** The first message of some steps. */
export type FirstBatch = Collected;

/** Lays out the first message, before there is anybody to send it to. */
export function layOutFirst(steps: readonly Step[]): FirstBatch {
  const first = collect(steps, { from: 0, isAhead: true });
  return { ...first, encoded: encodeAhead(first.entries) };
}

function encodeAhead(entries: readonly Entry[]): EncodedBatch | undefined {
  try {
    return encode(entries, { keeps: true });
  } catch (error) {
    throwIfOutOfMemory(error);
    // It will be said again when its turn comes.
    return undefined;
  }
}

/** Carries the steps out in order. `first` is what `layOutFirst` has made of them, where it was called. */
export function runSteps(proxy: Batches, steps: readonly Step[], first?: FirstBatch): void {
  let ahead = first;
  let next = 0;
  let repairs = 0;
  let closing: Operation[] = [];
  while (next < steps.length || closing.length > 0) {
    const laidOut = ahead ?? collect(steps, { from: next, oneByOne: proxy.oneByOne });
    const { entries, starts, end, encoded } = laidOut;
    ahead = undefined;
    const layOut = () => {
      ahead = collectAhead(proxy, steps, end);
    };
    const meanwhile = end < steps.length ? layOut : undefined;
    const failed =
      closing.length === 0
        ? proxy.attempt(entries, { meanwhile, encoded })
        : proxy.attempt([...closing, ...entries], { meanwhile });
    if (failed !== undefined) ahead = undefined;
    const reached = failed === undefined ? end : next + ownerOf(failed, laidOut);
    closing = [];
    for (let index = next; index < reached; index++) steps[index]?.finish?.();
    repairs = reached === next ? repairs + 1 : 1;
    const [start, behind] = [starts[reached - next], starts[reached - next + 1]];
    next = reached;
    const culprit = steps[reached];
    if (failed === undefined || culprit === undefined) continue;
    if (repairs > MOST_REPAIRS) throw new Error(`no progress after ${repairs} repairs: ${failed.attempt}`);
    culprit.recover(failed, steps.slice(reached));
    closing = leftOpen(operationsOf(entries.slice(start, behind)));
  }
}

interface Collected {
  readonly entries: Entry[];
  /** Where those of each step begin. */
  readonly starts: readonly number[];
  /** The step behind the last. */
  readonly end: number;
  /** As a message, where it has been made already. */
  readonly encoded?: EncodedBatch | undefined;
}

interface CollectOptions {
  readonly from: number;
  readonly oneByOne?: boolean | undefined;
  readonly isAhead?: boolean;
}

function collect(steps: readonly Step[], { from, oneByOne, isAhead }: CollectOptions): Collected {
  const entries: Entry[] = [];
  const starts: number[] = [];
  const firsts = new Map<unknown, First>();
  let count = 0;
  let bytes = 0;
  let end = from;
  for (let index = from; index < steps.length; index++) {
    const step = steps[index] as Step;
    if (isAhead === true && step.actsAtOnce === true) break;
    if (step.goesByResults === true && (isAhead === true || index > from)) break;
    const { likeness } = step;
    const texts = likeness === undefined ? undefined : step.texts;
    const first = texts === undefined ? undefined : firsts.get(likeness);
    const pattern = first === undefined ? undefined : patternFor(first, texts);
    if (pattern !== undefined && texts !== undefined) {
      count += pattern.operations.length;
      if (count > MOST_OPERATIONS) break;
      starts.push(entries.length);
      entries.push(repeat(pattern, texts, step));
      end += 1;
    } else {
      const operations = step.operations();
      if (texts !== undefined && first === undefined) firsts.set(likeness, { operations, texts });
      count += operations.length;
      for (let at = 0; at < operations.length; at++) bytes += (operations[at] as Operation).out?.size ?? 0;
      if ((count > MOST_OPERATIONS || bytes > MOST_BYTES) && entries.length > 0) break;
      starts.push(entries.length);
      for (let at = 0; at < operations.length; at++) entries.push(operations[at] as Operation);
      end += 1;
      if (oneByOne === true || step.pauses === true) break;
    }
  }
  return { entries, starts, end };
}

/** The first step of its kind in a message. */
interface First {
  readonly operations: readonly Operation[];
  readonly texts: readonly string[];
  /** Found out for the second; null where there is none. */
  pattern?: Pattern | null;
}

function patternFor(first: First, texts: readonly string[] | undefined): Pattern | undefined {
  if (first.pattern === undefined) first.pattern = patternOf(first.operations, first.texts) ?? null;
  const { pattern } = first;
  return pattern === null || pattern.texts.length !== texts?.length ? undefined : pattern;
}

/**
 * Lays out the next message while the one before is carried out, as if that could not fail. Not where it is
 * waited for.
 */
function collectAhead(proxy: Batches, steps: readonly Step[], from: number): Collected | undefined {
  if (proxy.allowsAhead !== true || steps[from - 1]?.pauses === true) return undefined;
  try {
    const ahead = collect(steps, { from, isAhead: true });
    return ahead.end > from ? { ...ahead, encoded: encodeAhead(ahead.entries) } : undefined;
  } catch (error) {
    throwIfOutOfMemory(error);
    // Its turn to say so comes when what is before it has succeeded.
    return undefined;
  }
}

/** The step that an operation is of; past the last for one that is of none. */
function ownerOf(failed: Operation, { entries, starts }: Collected): number {
  const at = entries.findIndex(
    (entry) => entry === failed || (entry.kind === "repeat" && entry.made?.includes(failed)),
  );
  if (at < 0) return starts.length;
  let owner = 0;
  while ((starts[owner + 1] ?? Number.POSITIVE_INFINITY) <= at) owner += 1;
  return owner;
}

/** Closes what the operations of an unfinished step have opened. */
export function leftOpen(operations: readonly Operation[]): Operation[] {
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
