// The arguments of an operation: plain numbers, texts and earlier results, without wrappers, since a hundred
// mounts have thousands of them; and values that are shown as strace would show them. Pure.

import { cString, utf8, type Word } from "../../linux/call/words.ts";
import { type FlagTable, showFlags } from "../../linux/numbers/flags.ts";
import type { SyscallName } from "../../linux/numbers/syscalls.ts";

/**
 * The position of memory in the batch that was last encoded with it (batch.ts). It is stored here, not in a
 * map, since batches have hundreds of pieces.
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
  /** Further memory, and where its pieces begin: each word of `bytes` points to one piece. */
  readonly pieces?: { readonly of: Data; readonly starts: readonly number[] };
  readonly show: () => string;
}

/** Memory that the call fills; `bytes` holds it after the batch has run. */
export interface Out extends Placed {
  readonly kind: "out";
  readonly size: number;
  bytes: Uint8Array;
}

/** A number that traces show as text. */
export interface Shown {
  readonly kind: "shown";
  readonly value: Word;
  readonly show: () => string;
}

/** An earlier operation (operation.ts), used as its result. */
export interface Result {
  readonly kind: "operation";
  readonly call: SyscallName;
  /** The result or the negated errno; `undefined` until done. */
  result: number | undefined;
  /** Its batch and its position there, as one number, written by batch.ts. */
  place: number;
}

/** A text is sent as a C string. */
export type Argument = Word | string | Result | Data | Out | Shown;

/** A descriptor: a known number, or the result of an earlier operation. */
export type Fd = number | Result;

export function data(bytes: Uint8Array, show: () => string, pointers?: Data["pointers"]): Data {
  return { kind: "data", bytes, show, pointers, batch: 0, address: 0 };
}

export function out(size: number): Out {
  return { kind: "out", size, bytes: new Uint8Array(0), batch: 0, address: 0 };
}

/** The null pointer. */
export const NULL = shown(0, "NULL");

type ShownBy = (value: number) => string;
/** Made once, since hundreds of calls have the same few flags. */
const known = new Map<FlagTable | ShownBy, Map<number, Shown>>();

function knownIn(by: FlagTable | ShownBy): Map<number, Shown> {
  let ofTable = known.get(by);
  if (ofTable === undefined) {
    ofTable = new Map();
    known.set(by, ofTable);
  }
  return ofTable;
}

export function flags(value: number, table: FlagTable): Shown {
  const ofTable = knownIn(table);
  let made = ofTable.get(value);
  if (made === undefined) {
    made = { kind: "shown", value, show: () => showFlags(value, table) };
    ofTable.set(value, made);
  }
  return made;
}

function shownBy(value: number, by: ShownBy): Shown {
  const ofFunction = knownIn(by);
  let made = ofFunction.get(value);
  if (made === undefined) {
    made = { kind: "shown", value, show: () => by(value) };
    ofFunction.set(value, made);
  }
  return made;
}

const inOctal = (value: number): string => `0${value.toString(8)}`;
const inHex = (value: number): string => `0x${value.toString(16)}`;

export function octal(value: number): Shown {
  return shownBy(value, inOctal);
}

export function hex(value: number): Shown {
  return shownBy(value, inHex);
}

export function shown(value: Word, show: string): Shown {
  return { kind: "shown", value, show: () => show };
}

/**
 * A NULL-terminated array of strings, of which execve(2) takes two. The strings are one piece of memory:
 * there may be hundreds of thousands.
 */
export function textArray(values: readonly string[]): Data {
  const show = (): string => shownArray(values);
  const bytes = new Uint8Array((values.length + 1) * 8);
  if (values.length === 0) return data(bytes, show);
  const joined = utf8(`${values.join("\0")}\0`);
  const starts: number[] = [];
  for (let start = 0; start < joined.length; start = joined.indexOf(0, start) + 1) starts.push(start);
  // One of them contains a NUL: name it in the error.
  if (starts.length !== values.length) for (const value of values) cString(value);
  return { ...data(bytes, show), pieces: { of: data(joined, show), starts } };
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
