// A message to a process: the operations of as many steps as fit, laid out as if none could fail. Of steps
// that are alike, only the first in a message is asked for its operations; the others get copies. Pure.
// Called by conversation.ts.

import type { Out } from "./calls/arguments.ts";
import type { Operation } from "./calls/operation.ts";
import type { Prepared } from "./line.ts";
import { MOST_BYTES, MOST_OPERATIONS, type Step } from "./step.ts";
import { type Entry, operationsOf, type Pattern, patternOf, repeat } from "./wire/repeat.ts";

export interface Message extends Prepared {
  /** The steps that the entries belong to. */
  readonly steps: readonly Step[];
  readonly entries: readonly Entry[];
  /** The index of each step's first entry. */
  readonly starts: readonly number[];
}

interface LayoutOptions {
  /** End the message after each step that can be repaired. */
  readonly oneByOne?: boolean;
  /** The steps before these have not been carried out yet. */
  readonly isAhead?: boolean;
}

/** Lays out a message for the first of these steps, as many as fit. */
export function layOut(steps: readonly Step[], { oneByOne, isAhead }: LayoutOptions = {}): Message {
  const entries: Entry[] = [];
  const starts: number[] = [];
  const firsts = new Map<unknown, First>();
  const outs: Out[] = [];
  let count = 0;
  let bytes = 0;
  let end = 0;
  for (let index = 0; index < steps.length; index++) {
    const step = steps[index] as Step;
    if (step.first !== undefined && (isAhead === true || index > 0)) break;
    const { like } = step;
    const first = like === undefined ? undefined : firsts.get(like.kind);
    const pattern = first === undefined ? undefined : patternFor(first, like?.texts);
    if (pattern !== undefined && like !== undefined) {
      if (count + pattern.operations.length > MOST_OPERATIONS) break;
      count += pattern.operations.length;
      starts.push(entries.length);
      entries.push(repeat(pattern, like.texts, step));
      end += 1;
    } else {
      const operations = step.operations();
      if (like !== undefined && first === undefined) firsts.set(like.kind, { operations, texts: like.texts });
      const start = entries.length;
      const filled = outs.length;
      for (let at = 0; at < operations.length; at++) {
        const one = operations[at] as Operation;
        entries[start + at] = one;
        if (one.out === undefined) continue;
        bytes += one.out.size;
        outs.push(one.out);
      }
      if ((count + operations.length > MOST_OPERATIONS || bytes > MOST_BYTES) && start > 0) {
        entries.length = start;
        outs.length = filled;
        break;
      }
      count += operations.length;
      starts.push(start);
      end += 1;
      if ((oneByOne === true && step.recover !== undefined) || step.next !== undefined) break;
    }
  }
  return { steps: steps.slice(0, end), entries, starts, needs: { count, outs } };
}

/** Joins two messages: a few operations that close something, and then the others. */
export function joined(before: Message, message: Message): Message {
  const from = before.entries.length;
  return {
    steps: before.steps.concat(message.steps),
    entries: before.entries.concat(message.entries),
    starts: before.starts.concat(message.starts.map((start) => from + start)),
  };
}

/** The first step of its kind in a message. */
interface First {
  readonly operations: readonly Operation[];
  readonly texts: readonly string[];
  /** Found when a second step comes; null if there is none. */
  pattern?: Pattern | null;
}

function patternFor(first: First, texts: readonly string[] | undefined): Pattern | undefined {
  if (first.pattern === undefined) first.pattern = patternOf(first.operations, first.texts) ?? null;
  const { pattern } = first;
  return pattern === null || pattern.texts.length !== texts?.length ? undefined : pattern;
}

/** The index of the step that an operation belongs to. */
export function ownerOf(failed: Operation, { entries, starts }: Message): number {
  const at = entries.findIndex(
    (entry) => entry === failed || (entry.kind === "repeat" && entry.made?.includes(failed)),
  );
  if (at < 0) throw new Error(`nobody has asked for ${failed.call}`);
  // A step without operations begins where the next one does.
  let owner = starts.length - 1;
  while ((starts[owner] ?? 0) > at) owner -= 1;
  return owner;
}

/** The operations of one of the steps. */
export function operationsOfStep({ entries, starts }: Message, index: number): Operation[] {
  return operationsOf(entries.slice(starts[index], starts[index + 1]));
}
