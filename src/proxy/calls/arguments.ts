// The arguments of an operation: numbers, texts and earlier results as they are, since a hundred mounts have
// thousands of them; and what is to be shown as strace would show it. Pure.

import { cString, utf8, type Word } from "../../linux/call/words.ts";
import { type FlagTable, showFlags } from "../../linux/numbers/flags.ts";
import type { SyscallName } from "../../linux/numbers/syscalls.ts";

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
  /** Memory whose pieces the words of `bytes` point to, each to one, and where the pieces begin. */
  readonly pieces?: { readonly of: Data; readonly starts: readonly number[] };
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

/** An earlier operation (operation.ts), which stands for its result. */
export interface Result {
  readonly kind: "operation";
  readonly call: SyscallName;
  /** The result or the negated errno; `undefined` until done. */
  result: number | undefined;
  /** Where it stands, in which batch: written by batch.ts, as one number. */
  place: number;
}

/** A text goes as a C string. */
export type Argument = Word | string | Result | Data | Out | Shown;

/** A descriptor: a number known already, or one that an earlier operation opens. */
export type Fd = number | Result;

export function data(bytes: Uint8Array, show: () => string, pointers?: Data["pointers"]): Data {
  return { kind: "data", bytes, show, pointers, batch: 0, address: 0 };
}

export function out(size: number): Out {
  return { kind: "out", size, bytes: new Uint8Array(0), batch: 0, address: 0 };
}

/** The pointer that leads nowhere. */
export const NULL = shown(0, "NULL");

type ShownBy = (value: number) => string;
/** The same few flags go with hundreds of calls: made once. */
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
 * A NULL-terminated array of strings, as execve(2) takes two of. The strings are one piece of memory: there
 * may be hundreds of thousands.
 */
export function textArray(values: readonly string[]): Data {
  const show = (): string => shownArray(values);
  const bytes = new Uint8Array((values.length + 1) * 8);
  if (values.length === 0) return data(bytes, show);
  const joined = utf8(`${values.join("\0")}\0`);
  const starts: number[] = [];
  for (let start = 0; start < joined.length; start = joined.indexOf(0, start) + 1) starts.push(start);
  // One of them has a NUL inside: that is named.
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
