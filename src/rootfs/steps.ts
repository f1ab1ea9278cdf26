// Carries out many steps in few round trips: the operations of as many steps as fit a message are sent at
// once, as if nothing could go wrong. Where one fails, its step decides what to do, and the rest goes on from
// there. Pure but for the proxy it is given; called by rootfs.ts.

import type { SyscallName } from "../linux/syscalls.ts";
import type { Argument, Fd } from "../proxy/arguments.ts";
import { close } from "../proxy/calls.ts";
import { type Operation, resultOf } from "../proxy/operation.ts";

export interface Step {
  /** What to do, given what is known now. Called again after every repair. */
  operations(): Operation[];
  /** Repairs what made an operation of this step fail, or throws. */
  recover(failed: Operation, pending: readonly Step[]): void;
  /** Looks at the results, once all operations have been carried out; throws when they will not do. */
  finish?(): void;
  /** What comes after this step needs its results. */
  readonly pauses?: boolean;
}

export interface Batches {
  /** One step a message. */
  readonly oneByOne?: boolean;
  attempt(operations: readonly Operation[]): Operation | undefined;
}

/** A step that has not got through after so many repairs never will. */
const MOST_REPAIRS = 8;
const MOST_OPERATIONS = 400;
/** Bytes of memory to be filled in one batch, which must lie in the message; other data need not. */
const MOST_BYTES = 0xc000;

const OPENING: ReadonlySet<SyscallName> = new Set([
  ...(["openat", "openat2", "fsopen", "fsmount", "open_tree"] as const),
  // To the fixed numbers that mount(2) reaches them by.
  "dup3",
]);

/** The first message of some steps. */
export type FirstBatch = ReturnType<typeof collect>;

/** Lays out the first message, before there is anybody to send it to. */
export function layOutFirst(steps: readonly Step[]): FirstBatch {
  return collect(steps, { from: 0, oneByOne: false });
}

/** Carries the steps out in order. `first` is what `layOutFirst` has made of them, where it was called. */
export function runSteps(proxy: Batches, steps: readonly Step[], first?: FirstBatch): void {
  let next = 0;
  let repairs = 0;
  let closing: Operation[] = [];
  while (next < steps.length || closing.length > 0) {
    const laidOut = first ?? collect(steps, { from: next, oneByOne: proxy.oneByOne === true });
    first = undefined;
    const { operations, starts, end } = laidOut;
    const failed = proxy.attempt([...closing, ...operations]);
    closing = [];
    const reached = failed === undefined ? end : next + ownerOf(operations.indexOf(failed), starts);
    for (let index = next; index < reached; index++) steps[index]?.finish?.();
    repairs = reached === next ? repairs + 1 : 1;
    const [start, behind] = [starts[reached - next], starts[reached - next + 1]];
    next = reached;
    const culprit = steps[reached];
    if (failed === undefined || culprit === undefined) continue;
    if (repairs > MOST_REPAIRS) throw new Error(`no progress after ${repairs} repairs: ${failed.attempt}`);
    culprit.recover(failed, steps.slice(reached));
    closing = leftOpen(operations.slice(start, behind));
  }
}

interface Collected {
  readonly operations: Operation[];
  /** Where those of each step begin. */
  readonly starts: readonly number[];
  /** The step behind the last. */
  readonly end: number;
}

function collect(steps: readonly Step[], { from, oneByOne }: { from: number; oneByOne: boolean }): Collected {
  const operations: Operation[] = [];
  const starts: number[] = [];
  let bytes = 0;
  let end = from;
  for (let index = from; index < steps.length; index++) {
    const step = steps[index];
    if (step === undefined) break;
    const some = step.operations();
    for (let at = 0; at < some.length; at++) bytes += (some[at] as Operation).out?.size ?? 0;
    const full = operations.length + some.length > MOST_OPERATIONS || bytes > MOST_BYTES;
    if (full && operations.length > 0) break;
    starts.push(operations.length);
    for (let at = 0; at < some.length; at++) operations.push(some[at] as Operation);
    end += 1;
    if (step.pauses === true || oneByOne) break;
  }
  return { operations, starts, end };
}

/** The step that the operation at `index` is of; past the last for one that is of none. */
function ownerOf(index: number, starts: readonly number[]): number {
  if (index < 0) return starts.length;
  let owner = 0;
  while ((starts[owner + 1] ?? Number.POSITIVE_INFINITY) <= index) owner += 1;
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

/** An operation's descriptor: by its number once it is known, since a later batch cannot refer to it. */
export function held(opening: Operation): Fd {
  return opening.result === undefined ? opening : resultOf(opening);
}
