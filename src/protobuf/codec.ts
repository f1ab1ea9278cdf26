// Writes and reads any message. Pure.

import { TsrunError } from "../errors.ts";
import { text, utf8, viewOf } from "../linux/call/words.ts";
import type { Field, FieldType, Message, ValuesOf } from "./message.ts";

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

/** What has been written. Plain fields: the engine reads them in one step. */
interface Output {
  bytes: Uint8Array;
  length: number;
}

/** Room for two numbers, bytes: a field's key, and a value or the length of one. */
const TWO_NUMBERS = 20;

/** The bytes of a message, fields in the order of its table. */
export function encode<M extends Message>(message: M, values: ValuesOf<M>): Uint8Array {
  const output = { bytes: new Uint8Array(256), length: 0 };
  for (const name in message) {
    const value: unknown = values[name];
    if (value === undefined) continue;
    const field = message[name] as Field;
    if (field.repeated !== true) writeField(output, field, value);
    else if (field.packed === true) writePacked(output, field, value as readonly unknown[]);
    else for (const one of value as readonly unknown[]) writeField(output, field, one);
  }
  return written(output);
}

function written({ bytes, length }: Output): Uint8Array {
  return bytes.subarray(0, length);
}

function writeField(output: Output, { number, type }: Field, value: unknown): void {
  makeRoom(output, TWO_NUMBERS);
  if (type === "string") writeContent(output, number, utf8(value as string));
  else if (type === "bytes") writeContent(output, number, value as Uint8Array);
  else if (typeof type === "object") writeContent(output, number, encode(type, value as ValuesOf<Message>));
  else {
    writeNumber(output, number * 8 + (type === "double" ? FIXED64 : VARINT));
    writeNumeric(output, type, value);
  }
}

function writePacked(output: Output, { number, type }: Field, values: readonly unknown[]): void {
  if (values.length === 0) return;
  const content = { bytes: new Uint8Array(256), length: 0 };
  for (const value of values) {
    makeRoom(content, TWO_NUMBERS);
    writeNumeric(content, type, value);
  }
  makeRoom(output, TWO_NUMBERS);
  writeContent(output, number, written(content));
}

function writeNumeric(output: Output, type: FieldType, value: unknown): void {
  if (type === "long") writeLong(output, value as bigint);
  else if (type !== "double") writeNumber(output, Number(value));
  else {
    viewOf(output.bytes).setFloat64(output.length, value as number, true);
    output.length += 8;
  }
}

/** Most numbers are small, and need no BigInt. */
function writeNumber(output: Output, value: number): void {
  if ((value & 0x7f) === value) {
    output.bytes[output.length++] = value;
    return;
  }
  if ((value & 0x7fff_ffff) !== value) {
    writeLong(output, BigInt(value));
    return;
  }
  let rest = value;
  for (; rest > 0x7f; rest >>= 7) output.bytes[output.length++] = (rest & 0x7f) | 0x80;
  output.bytes[output.length++] = rest;
}

/** Seven bits at a time, the lowest first. A negative number takes ten bytes: it is one of 64 bits. */
function writeLong(output: Output, value: bigint): void {
  let rest = BigInt.asUintN(64, value);
  for (; rest > 0x7fn; rest >>= 7n) output.bytes[output.length++] = Number(rest & 0x7fn) | 0x80;
  output.bytes[output.length++] = Number(rest);
}

function writeContent(output: Output, number: number, content: Uint8Array): void {
  const { length } = content;
  writeNumber(output, number * 8 + LENGTH);
  writeNumber(output, length);
  makeRoom(output, length);
  output.bytes.set(content, output.length);
  output.length += length;
}

function makeRoom(output: Output, room: number): void {
  if (output.length + room <= output.bytes.length) return;
  const larger = new Uint8Array(2 * (output.length + room));
  larger.set(written(output));
  output.bytes = larger;
}

/** What is read, from `at` on. */
interface Input {
  readonly bytes: Uint8Array;
  at: number;
  end: number;
}

/**
 * Reads a message. Fields that its table does not know are passed over: newer versions of the other side send
 * some. Throws E_CONFIG for bytes that are no message.
 */
export function decode<M extends Message>(message: M, bytes: Uint8Array): ValuesOf<M> {
  // readMessage follows the table, from which the type was computed.
  return readMessage(message, { bytes, at: 0, end: bytes.length }) as ValuesOf<M>;
}

function readMessage(message: Message, input: Input): Record<string, unknown> {
  const fields = Object.entries(message);
  const values: Record<string, unknown> = {};
  while (input.at < input.end) {
    const key = readNumber(input);
    const wanted = Math.floor(key / 8);
    const found = fields.find(([, { number }]) => number === wanted);
    if (found === undefined) {
      passOver(input, key % 8);
      continue;
    }
    const [name, field] = found;
    // A field that is no list counts where it was last sent.
    if (field.repeated !== true) values[name] = readField(input, key % 8, field);
    else {
      const list = (values[name] ?? []) as unknown[];
      values[name] = list;
      readList(input, key % 8, field, list);
    }
  }
  return values;
}

export function wireTypeOf(type: FieldType): number {
  if (type === "int" || type === "long" || type === "bool") return VARINT;
  return type === "double" ? FIXED64 : LENGTH;
}

/** The value of a field that comes with this wire type. It is the last one where numbers are packed. */
function readField(input: Input, wireType: number, field: Field): unknown {
  if (wireType !== LENGTH) return readNumeric(input, wireType, field);
  const { type } = field;
  if (type === "string") return text(take(input, readNumber(input)));
  if (type === "bytes") return take(input, readNumber(input));
  if (typeof type === "object") return readMessage(type, part(input));
  const values: unknown[] = [];
  readList(input, wireType, field, values);
  return values.at(-1);
}

/** The same for a list: adds to it what has come, several values where numbers are packed. */
function readList(input: Input, wireType: number, field: Field, values: unknown[]): void {
  const own = wireTypeOf(field.type);
  if (wireType !== LENGTH || own === LENGTH) {
    values.push(readField(input, wireType, field));
    return;
  }
  const packed = part(input);
  while (packed.at < packed.end) values.push(readNumeric(packed, own, field));
}

function passOver(input: Input, wireType: number): void {
  if (wireType === LENGTH) take(input, readNumber(input));
  else readNumeric(input, wireType, undefined);
}

function readNumeric(input: Input, wireType: number, field: Field | undefined): unknown {
  const isKnown = wireType === VARINT || wireType === FIXED64 || wireType === FIXED32;
  if (isKnown && field !== undefined && wireType !== wireTypeOf(field.type)) {
    throw unreadable(`field ${field.number} is of another type`);
  }
  switch (wireType) {
    case VARINT:
      if (field?.type === "long") return readLong(input);
      return field?.type === "bool" ? readLong(input) !== 0n : readNumber(input);
    case FIXED64:
      return viewOf(take(input, 8)).getFloat64(0, true);
    case FIXED32:
      return take(input, 4);
    default:
      throw unreadable(`there is no wire type ${wireType}`);
  }
}

/** A varint, as a signed number: an int32 below zero comes as one of 64 bits. Short ones need no BigInt. */
function readNumber(input: Input): number {
  const { bytes, end } = input;
  let { at } = input;
  let value = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    if (at >= end) throw unreadable("it is cut off");
    const byte = bytes[at++] as number;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      input.at = at;
      return value;
    }
  }
  return Number(BigInt.asIntN(64, readLong(input)));
}

function readLong(input: Input): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const [byte = 0] = take(input, 1);
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) return BigInt.asUintN(64, value);
  }
  throw unreadable("a number in it has no end");
}

function take(input: Input, length: number): Uint8Array {
  const { at } = input;
  if (length < 0 || length > input.end - at) throw unreadable("it is cut off");
  input.at = at + length;
  return input.bytes.subarray(at, at + length);
}

/** The next part with a length in front of it. */
function part(input: Input): Input {
  const length = readNumber(input);
  const { bytes, at, end } = input;
  if (length < 0 || length > end - at) throw unreadable("it is cut off");
  input.at = at + length;
  return { bytes, at, end: at + length };
}

function unreadable(why: string): TsrunError {
  return new TsrunError("E_CONFIG", `cannot read a message: ${why}`);
}
