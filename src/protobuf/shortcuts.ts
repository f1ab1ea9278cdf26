// What the engine does with most messages: a shim writes and reads some seventy for each exec. Each function
// returns `undefined` for what it leaves to codec.ts: lists, numbers of 64 bits, fractions, long messages,
// and everything that may be an error (engine/native/protobuf.c). Absent in other hosts.

import { wireTypeOf } from "./codec.ts";
import type { Field, Message } from "./message.ts";

export const { writeProtobuf, readProtobuf } = globalThis as {
  readonly writeProtobuf?: (
    table: Table,
    values: Readonly<Record<string, unknown>>,
  ) => ArrayBuffer | undefined;
  readonly readProtobuf?: (
    table: Table,
    buffer: ArrayBufferLike,
    at: number,
    length: number,
  ) => Record<string, unknown> | undefined;
};

/** For each field its name, its key, its kind, and the table of a message's own fields. */
export type Table = readonly (string | number | Table | undefined)[];

/** As in protobuf.c. */
const KINDS = { string: 1, bytes: 2, int: 3, bool: 4 } as const;
const MESSAGE = 5;
const LEFT = 0;

const TABLES: Map<Message, Table> = new Map();

/** The table of a message for the engine, which is made once. */
export function tableOf(message: Message): Table {
  return TABLES.get(message) ?? makeTable(message);
}

function makeTable(message: Message): Table {
  const table = Object.entries(message).flatMap(([name, field]) => placesOf(name, field));
  TABLES.set(message, table);
  return table;
}

function placesOf(name: string, { number, type, repeated }: Field): Table {
  const key = number * 8 + wireTypeOf(type);
  if (repeated === true || type === "long" || type === "double") return [name, key, LEFT, undefined];
  if (typeof type === "object") return [name, key, MESSAGE, tableOf(type)];
  return [name, key, KINDS[type], undefined];
}
