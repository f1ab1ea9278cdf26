// Protocol Buffers (protobuf.dev/programming-guides/encoding), as far as criu's messages and containerd's
// need them. A message is declared as a table; the type of its values follows from the table. Pure.

import { TsrunError } from "../errors.ts";
import { text, utf8, viewOf } from "../linux/call/words.ts";

/**
 * `int` stands for int32, uint32, int64 where 53 bits are enough, and enumerations: all are a varint of 64
 * bits. `long` is a uint64 whose values may be larger, as the kernel's counters are.
 */
export type FieldType = "int" | "long" | "bool" | "double" | "string" | "bytes" | Message;

export interface Field {
  readonly number: number;
  readonly type: FieldType;
  readonly repeated?: true;
  /** Repeated numbers as one field: proto3 writes them so, proto2 does not. Either is read. */
  readonly packed?: true;
}

export type Message = { readonly [name: string]: Field };

type One<T extends FieldType> = T extends "int" | "double"
  ? number
  : T extends "long"
    ? bigint
    : T extends "bool"
      ? boolean
      : T extends "string"
        ? string
        : T extends "bytes"
          ? Uint8Array
          : T extends Message
            ? ValuesOf<T>
            : never;

/** The values of a message; what is absent is not sent. */
export type ValuesOf<M extends Message> = {
  readonly [K in keyof M]?: M[K]["repeated"] extends true
    ? readonly One<M[K]["type"]>[]
    : One<M[K]["type"]> | undefined;
};

/** A `map` is sent as repeated pairs with these numbers. */
export const TEXT_MAP = {
  key: { number: 1, type: "string" },
  value: { number: 2, type: "string" },
} as const satisfies Message;

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

/** The bytes of a message, fields in the order of its table. */
export function encode<M extends Message>(message: M, values: ValuesOf<M>): Uint8Array {
  const writer = new Writer();
  for (const name in message) {
    const field = message[name] as Field;
    const value: unknown = values[name];
    if (value === undefined) continue;
    if (field.repeated !== true) writer.field(field, value);
    else if (field.packed === true) writer.packed(field, value as readonly unknown[]);
    else for (const one of value as readonly unknown[]) writer.field(field, one);
  }
  return writer.bytes();
}

class Writer {
  #buffer = new Uint8Array(256);
  #length = 0;

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  field({ number, type }: Field, value: unknown): void {
    this.#key(number, wireTypeOf(type));
    this.#value(type, value);
  }

  packed({ number, type }: Field, values: readonly unknown[]): void {
    if (values.length === 0) return;
    const content = new Writer();
    for (const value of values) content.#value(type, value);
    this.#key(number, LENGTH);
    this.#content(content.bytes());
  }

  #key(number: number, wireType: number): void {
    this.#varint(BigInt(number * 8 + wireType));
  }

  #value(type: FieldType, value: unknown): void {
    if (type === "int" || type === "bool") this.#varint(BigInt(Number(value)));
    else if (type === "long") this.#varint(value as bigint);
    else if (type === "double") this.#double(value as number);
    else if (type === "string") this.#content(utf8(value as string));
    else if (type === "bytes") this.#content(value as Uint8Array);
    else this.#content(encode(type, value as ValuesOf<Message>));
  }

  /** Seven bits at a time, the lowest first. A negative number takes ten bytes: it is one of 64 bits. */
  #varint(value: bigint): void {
    this.#need(10);
    let rest = BigInt.asUintN(64, value);
    for (; rest > 0x7fn; rest >>= 7n) this.#buffer[this.#length++] = Number(rest & 0x7fn) | 0x80;
    this.#buffer[this.#length++] = Number(rest);
  }

  #double(value: number): void {
    this.#need(8);
    viewOf(this.#buffer).setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  #content(bytes: Uint8Array): void {
    this.#varint(BigInt(bytes.length));
    this.#need(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #need(room: number): void {
    if (this.#length + room <= this.#buffer.length) return;
    const larger = new Uint8Array(2 * (this.#length + room));
    larger.set(this.bytes());
    this.#buffer = larger;
  }
}

function wireTypeOf(type: FieldType): number {
  if (type === "double") return FIXED64;
  return type === "int" || type === "long" || type === "bool" ? VARINT : LENGTH;
}

/**
 * Reads a message. Fields that its table does not know are passed over: newer versions of the other side send
 * some. Throws E_CONFIG for bytes that are no message.
 */
export function decode<M extends Message>(message: M, bytes: Uint8Array): ValuesOf<M> {
  const names = new Map(Object.entries<Field>(message).map(([name, { number }]) => [number, name]));
  const values: Record<string, unknown> = {};
  const reader = new Reader(bytes);
  while (!reader.atEnd) {
    const key = reader.number();
    const name = names.get(Math.floor(key / 8));
    const field = name === undefined ? undefined : (message[name] as Field);
    const found = reader.field(key % 8, field);
    if (name === undefined) continue;
    // A field that is no list counts where it was last sent.
    if (field?.repeated !== true) values[name] = found.at(-1);
    else values[name] = [...((values[name] as unknown[]) ?? []), ...found];
  }
  // The loop above follows the table, from which the type was computed.
  return values as ValuesOf<M>;
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

  /** The values of a field that comes with this wire type: several where numbers are packed. */
  field(wireType: number, field: Field | undefined): unknown[] {
    if (wireType !== LENGTH) return [this.#numeric(wireType, field)];
    const content = this.take(this.number());
    if (field === undefined) return [];
    const { type } = field;
    if (type === "string") return [text(content)];
    if (type === "bytes") return [content];
    if (typeof type === "object") return [decode(type, content)];
    const packed = new Reader(content);
    const values: unknown[] = [];
    while (!packed.atEnd) values.push(packed.#numeric(wireTypeOf(type), field));
    return values;
  }

  #numeric(wireType: number, field: Field | undefined): unknown {
    const isKnown = wireType === VARINT || wireType === FIXED64 || wireType === FIXED32;
    if (isKnown && field !== undefined && wireType !== wireTypeOf(field.type)) {
      throw unreadable(`field ${field.number} is of another type`);
    }
    switch (wireType) {
      case VARINT: {
        const value = this.#varint();
        if (field?.type === "long") return value;
        return field?.type === "bool" ? value !== 0n : Number(BigInt.asIntN(64, value));
      }
      case FIXED64:
        return viewOf(this.take(8)).getFloat64(0, true);
      case FIXED32:
        return this.take(4);
      default:
        throw unreadable(`there is no wire type ${wireType}`);
    }
  }

  /** A varint, as a signed number: an int32 below zero comes as one of 64 bits. */
  number(): number {
    return Number(BigInt.asIntN(64, this.#varint()));
  }

  #varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const [byte = 0] = this.take(1);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw unreadable("a number in it has no end");
  }

  take(length: number): Uint8Array {
    if (length < 0 || length > this.#bytes.length - this.#at) throw unreadable("it is cut off");
    const taken = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return taken;
  }
}

function unreadable(why: string): TsrunError {
  return new TsrunError("E_CONFIG", `cannot read a message: ${why}`);
}
