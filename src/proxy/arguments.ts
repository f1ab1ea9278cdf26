// The arguments of an operation: numbers, earlier results and memory, each of which knows how strace would
// show it. Pure.

import { type FlagTable, showFlags } from "../linux/flags.ts";
import { cString, type Word } from "../linux/words.ts";
import type { Operation } from "./operation.ts";

/**
 * Where memory lies in the batch that was last laid out with it (batch.ts): here rather than in a map, since
 * batches have hundreds of pieces.
 */
interface Placed {
  batch: number;
  address: number;
}

/** Memory that the call reads. `pointers` are filled with the addresses of further data. */
export interface Data extends Placed {
  readonly kind: "data";
  readonly bytes: Uint8Array;
  readonly pointers: readonly { readonly offset: number; readonly to: Data | Out }[] | undefined;
  readonly show: () => string;
}

/** Memory that the call fills; `bytes` holds it after the batch has run. */
export interface Out extends Placed {
  readonly kind: "out";
  readonly size: number;
  bytes: Uint8Array;
}

/** A number that is shown as something better. */
export interface Shown {
  readonly kind: "shown";
  readonly value: Word;
  readonly show: () => string;
}

/** The result of an earlier operation of the same batch. */
export interface ResultOf {
  readonly kind: "result";
  readonly operation: Operation;
}

export type Argument = Word | Data | Out | Shown | ResultOf;

/** A descriptor: a number known already, or one that an earlier operation of the batch opens. */
export type Fd = number | Operation;

/** A hundred mounts say the same few words hundreds of times: made once, and once in a message. */
const texts = new Map<string, Data>();

export function text(value: string): Data {
  let known = texts.get(value);
  if (known === undefined) {
    known = data(cString(value), () => quote(value));
    texts.set(value, known);
  }
  return known;
}

export function data(bytes: Uint8Array, show: () => string, pointers?: Data["pointers"]): Data {
  return { kind: "data", bytes, show, pointers, batch: 0, address: 0 };
}

export function out(size: number): Out {
  return { kind: "out", size, bytes: new Uint8Array(0), batch: 0, address: 0 };
}

/** The same few flags go with hundreds of calls: made once. */
const shownFlags = new Map<FlagTable, Map<number, Shown>>();

export function flags(value: number, table: FlagTable): Shown {
  let ofTable = shownFlags.get(table);
  if (ofTable === undefined) {
    ofTable = new Map();
    shownFlags.set(table, ofTable);
  }
  let known = ofTable.get(value);
  if (known === undefined) {
    known = { kind: "shown", value, show: () => showFlags(value, table) };
    ofTable.set(value, known);
  }
  return known;
}

export function shown(value: Word, show: string): Shown {
  return { kind: "shown", value, show: () => show };
}

export function octal(value: number): Shown {
  return { kind: "shown", value, show: () => `0${value.toString(8)}` };
}

export function fd(value: Fd): Argument {
  if (typeof value === "object") return { kind: "result", operation: value };
  return value === -100 ? shown(value, "AT_FDCWD") : value;
}

/** A NULL-terminated array of strings, as execve(2) takes two of. */
export function textArray(values: readonly string[]): Data {
  const bytes = new Uint8Array((values.length + 1) * 8);
  const pointers = values.map((value, index) => ({ offset: index * 8, to: text(value) }));
  return data(bytes, () => shownArray(values), pointers);
}

function shownArray(values: readonly string[]): string {
  const few = values.slice(0, 4).map(quote).join(", ");
  return values.length > 4 ? `[${few}, … ${values.length} in all]` : `[${few}]`;
}

/** As strace prints strings: quoted, cut after 80 characters. */
export function quote(value: string): string {
  const cut = value.length > 80 ? `${value.slice(0, 80)}…` : value;
  return JSON.stringify(cut);
}
