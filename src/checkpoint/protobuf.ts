// The part of Protocol Buffers that criu's messages need: numbers, booleans, strings and nested messages,
// none packed (protobuf.dev/programming-guides/encoding). A message is declared as a table, from which the
// type of its values follows. Pure.

import { TsrunError } from "../errors.ts";
import { text, utf8 } from "../linux/call/words.ts";

/** `int` means int32, uint32 and enumerations: all three are a varint of 64 bits. */
export type FieldType = "int" | "bool" | "string" | Message;

export interface Field {
  readonly number: number;
  readonly type: FieldType;
  readonly repeated?: true;
}

export type Message = { readonly [name: string]: Field };

type One<T extends FieldType> = T extends "int"
  ? number
  : T extends "bool"
    ? boolean
    : T extends "string"
      ? string
      : T extends Message
        ? ValuesOf<T>
        : never;

/** The values of a message; absent ones are not sent. */
export type ValuesOf<M extends Message> = {
  readonly [K in keyof M]?: M[K]["repeated"] extends true
    ? readonly One<M[K]["type"]>[]
    : One<M[K]["type"]> | undefined;
};

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

/** The bytes of a message, fields in the order of its table. */
export function encode<M extends Message>(message: M, values: ValuesOf<M>): Uint8Array {
  const bytes: number[] = [];
  for (const [name, field] of Object.entries<Field>(message)) {
    const value: unknown = values[name];
    if (value === undefined) continue;
    for (const one of field.repeated === true ? (value as readonly unknown[]) : [value]) {
      putField(bytes, field, one);
    }
  }
  return Uint8Array.from(bytes);
}

function putField(bytes: number[], { number, type }: Field, value: unknown): void {
  if (type === "int" || type === "bool") {
    putVarint(bytes, number * 8 + VARINT);
    putVarint(bytes, Number(value));
    return;
  }
  const content = type === "string" ? utf8(value as string) : encode(type, value as ValuesOf<Message>);
  putVarint(bytes, number * 8 + LENGTH);
  putVarint(bytes, content.length);
  for (const byte of content) bytes.push(byte);
}

/** Seven bits at a time, the lowest first. A negative number has 64 bits and takes ten bytes. */
function putVarint(bytes: number[], value: number): void {
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
}

/**
 * Reads a message. Fields that are not in its table are skipped: newer versions of criu send some.
 */
export function decode<M extends Message>(message: M, bytes: Uint8Array): ValuesOf<M> {
  const fields = new Map(
    Object.entries<Field>(message).map(([name, field]) => [field.number, { name, ...field }]),
  );
  const values: Record<string, unknown> = {};
  const reader = new Reader(bytes);
  while (!reader.atEnd) {
    const key = reader.number();
    const field = fields.get(Math.floor(key / 8));
    const value = readValue(reader, key % 8, field?.type);
    if (field === undefined) continue;
    if (field.repeated === true) values[field.name] = [...((values[field.name] as unknown[]) ?? []), value];
    else values[field.name] = value;
  }
  // The loop above follows the table, from which the type was computed.
  return values as ValuesOf<M>;
}

function readValue(reader: Reader, wireType: number, type: FieldType | undefined): unknown {
  switch (wireType) {
    case VARINT: {
      const value = reader.number();
      return type === "bool" ? value !== 0 : value;
    }
    case LENGTH: {
      const content = reader.take(reader.number());
      return typeof type === "object" ? decode(type, content) : text(content);
    }
    case FIXED64:
      return reader.take(8);
    case FIXED32:
      return reader.take(4);
    default:
      throw new TsrunError("E_INTERNAL", `cannot read a message: there is no wire type ${wireType}`);
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** A varint as a signed number: a negative int32 arrives with 64 bits. */
  number(): number {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const [byte = 0] = this.take(1);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(BigInt.asIntN(64, value));
    }
    throw new TsrunError("E_INTERNAL", "cannot read a message: a number in it has no end");
  }

  take(length: number): Uint8Array {
    const taken = this.#bytes.subarray(this.#at, this.#at + length);
    if (length < 0 || taken.length !== length) {
      throw new TsrunError("E_INTERNAL", "cannot read a message: it is cut off");
    }
    this.#at += length;
    return taken;
  }
}
