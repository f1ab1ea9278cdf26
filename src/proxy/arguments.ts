// The arguments of an operation: numbers, earlier results and memory, each of which knows how strace would
// show it. Pure.

import { type FlagTable, showFlags } from "../linux/flags.ts";
import { cString, type Word } from "../linux/words.ts";
import type { Operation } from "./operation.ts";

/** Memory that the call reads. `pointers` are filled with the addresses of further data. */
export interface Data {
  readonly kind: "data";
  readonly bytes: Uint8Array;
  readonly pointers?: readonly { readonly offset: number; readonly to: Data | Out }[];
  readonly show: () => string;
}

/** Memory that the call fills; `bytes` holds it after the batch has run. */
export interface Out {
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
    known = { kind: "data", bytes: cString(value), show: () => quote(value) };
    texts.set(value, known);
  }
  return known;
}

export function data(bytes: Uint8Array, show: () => string, pointers?: Data["pointers"]): Data {
  return pointers === undefined ? { kind: "data", bytes, show } : { kind: "data", bytes, show, pointers };
}

export function out(size: number): Out {
  return { kind: "out", size, bytes: new Uint8Array(0) };
}

export function flags(value: number, table: FlagTable): Shown {
  return { kind: "shown", value, show: () => showFlags(value, table) };
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
