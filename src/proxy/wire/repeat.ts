// Operations that repeat earlier ones of the same batch with other texts: a hundred volumes are five kinds of
// mounts. They are copied as bytes (batch.ts), and made as objects only if code has to examine them. Pure.

import type { Argument, Result } from "../calls/arguments.ts";
import type { Operation } from "../calls/operation.ts";
import { ARGUMENTS_OFFSET, OPERATION_SIZE } from "./protocol.ts";

export interface Repeat {
  readonly kind: "repeat";
  readonly like: Pattern;
  /** The texts that replace those of the pattern. */
  readonly texts: readonly string[];
  readonly maker: Maker;
  /** The operations, if they have been made. */
  made?: readonly Operation[];
}

/** Makes the operations of a repeat. */
export interface Maker {
  operations(): readonly Operation[];
}

/** An entry of a batch. */
export type Entry = Operation | Repeat;

/** Operations that others repeat, and which of their arguments differ, counted in words from the first. */
export interface Pattern {
  readonly operations: readonly Operation[];
  /** Arguments that are a text of each repeat, in the order of its texts. */
  readonly texts: readonly number[];
  /** Arguments that are the result of another operation of the pattern. */
  readonly results: readonly number[];
  /** Arguments that are the result of an operation before the pattern. */
  readonly others: readonly { readonly at: number; readonly of: Result }[];
}

const OPERATION_WORDS = OPERATION_SIZE >> 2;
const ARGUMENTS_AT = ARGUMENTS_OFFSET >> 2;

/**
 * The pattern of operations in which `texts`, in this order, are to be replaced. `undefined` if the arguments
 * cannot be identified, because a text occurs for another reason too; or if a call fills memory, since each
 * operation needs its own.
 */
export function patternOf(operations: readonly Operation[], texts: readonly string[]): Pattern | undefined {
  const found: number[] = [];
  const results: number[] = [];
  const others: { at: number; of: Result }[] = [];
  const own: readonly Result[] = operations;
  for (let index = 0; index < operations.length; index++) {
    const { args, clones } = operations[index] as Operation;
    if (clones === true) return undefined;
    for (let position = 0; position < args.length; position++) {
      const argument = args[position] as Argument;
      const at = index * OPERATION_WORDS + ARGUMENTS_AT + position * 2;
      if (typeof argument === "string") {
        if (argument === texts[found.length]) found.push(at);
        else if (texts.includes(argument)) return undefined;
      } else if (typeof argument === "object") {
        if (argument.kind === "out") return undefined;
        if (argument.kind !== "operation") continue;
        if (own.includes(argument)) results.push(at);
        else others.push({ at, of: argument });
      }
    }
  }
  return found.length === texts.length ? { operations, texts: found, results, others } : undefined;
}

export function repeat(like: Pattern, texts: readonly string[], maker: Maker): Repeat {
  return { kind: "repeat", like, texts, maker };
}

/** How many operations there are. */
export function countOf(entries: readonly Entry[]): number {
  let count = 0;
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index] as Entry;
    count += entry.kind === "operation" ? 1 : entry.like.operations.length;
  }
  return count;
}

/** All operations one by one. */
export function operationsOf(entries: readonly Entry[]): Operation[] {
  const all: Operation[] = [];
  for (const entry of entries) {
    if (entry.kind === "operation") all.push(entry);
    else for (const one of madeOf(entry)) all.push(one);
  }
  return all;
}

/** The operations of a repeat, made when first needed. */
export function madeOf(entry: Repeat): readonly Operation[] {
  entry.made ??= entry.maker.operations();
  return entry.made;
}
