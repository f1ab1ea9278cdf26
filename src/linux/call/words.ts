// Machine words with the checks that a C call does not make (undefined and NaN would silently become 0), C
// strings, and little-endian structures. Pure.

import { decodeRaw, encodeRaw, joinBytes } from "../../engine/host/raw-text.ts";
import { TsrunError } from "../../errors.ts";

export { joinBytes };

/** A 64-bit value as JavaScript can hold it. */
export type Word = number | bigint;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Returns `value` if it is a whole number that fits in 64 bits; anything else is a bug in tsrun. */
export function assertWord(value: Word): Word {
  if (typeof value === "bigint") {
    if (value >= -(1n << 63n) && value < 1n << 64n) return value;
  } else if (Number.isSafeInteger(value)) {
    return value;
  }
  throw new TsrunError("E_INTERNAL", `${String(value)} is no machine word`);
}

/** A path: text, or bytes from the kernel, which need not be UTF-8. */
export type Path = string | Uint8Array;

/** The NUL-terminated bytes of `path`; a NUL inside is refused, since C would cut the string there. */
export function cString(path: Path): Uint8Array {
  if (typeof path === "string") {
    const ascii = new Uint8Array(path.length + 1);
    if (writeCString(path, ascii.buffer, 0) > 0) return ascii;
  }
  const hasNul = typeof path === "string" ? path.includes("\0") : path.includes(0);
  if (hasNul) throw new TsrunError("E_CONFIG", `${JSON.stringify(pathText(path))} holds a NUL character`);
  if (typeof path === "string") return utf8(`${path}\0`);
  const bytes = new Uint8Array(path.length + 1);
  bytes.set(path);
  return bytes;
}

/** A path as an argument of a system call, which takes a text as it is. */
export function pathArgument(path: Path): Path {
  return typeof path === "string" ? path : cString(path);
}

/** A path for a message. */
export function pathText(path: Path): string {
  return typeof path === "string" ? path : text(path);
}

/** Extensions of tsrun's engine; the engine of the tests may not have them. */
const { writeAscii, encodeRaw: encodeFast } = encoder as {
  writeAscii?: (text: string, length: number, buffer: ArrayBufferLike, at: number) => boolean;
  encodeRaw?: (text: string) => Uint8Array;
};
const { decodeRaw: decodeFast, decodeBetween } = decoder as {
  decodeRaw?: (bytes: Uint8Array) => string;
  decodeBetween?: (buffer: ArrayBufferLike, at: number, length: number) => string;
};

/**
 * Writes `text` as a C string into memory, and returns the number of bytes. Returns 0 and writes nothing if
 * the text is not ASCII, contains a NUL or does not fit: then `cString` makes the bytes, or the error.
 */
export function writeCString(text: string, buffer: ArrayBufferLike, at: number): number {
  if (writeAscii === undefined || !writeAscii(text, text.length, buffer, at)) return 0;
  return text.length + 1;
}

const encode = (text: string): Uint8Array => encoder.encode(text);

/** The UTF-8 bytes of `text`; bytes that `text()` below could not decode come back unchanged. */
export function utf8(text: string): Uint8Array {
  if (text.isWellFormed()) return encoder.encode(text);
  return encodeFast === undefined ? encodeRaw(text, encode) : encodeFast(text);
}

/**
 * The text of UTF-8 `bytes`. Names from the kernel may contain other bytes; `utf8` turns them back into the
 * same bytes (engine/host/raw-text.ts).
 */
export function text(bytes: Uint8Array): string {
  if (decodeFast !== undefined) return decodeFast(bytes);
  const whole = decoder.decode(bytes);
  // The usual case: ASCII.
  if (whole.length === bytes.length && !whole.includes("\ufffd")) return whole;
  const isSame = whole.isWellFormed() && !whole.includes("\ufffd");
  return isSame && encoder.encode(whole).length === bytes.length ? whole : decodeRaw(bytes);
}

/** The same for a part of `bytes`. */
export function textBetween(bytes: Uint8Array, start: number, end: number): string {
  return decodeBetween === undefined
    ? text(bytes.subarray(start, end))
    : decodeBetween(bytes.buffer, bytes.byteOffset + start, end - start);
}

/** The text up to the first NUL. */
export function textUntilNul(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return text(end < 0 ? bytes : bytes.subarray(0, end));
}

/** A view for reading and writing the fields of a structure. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A structure of consecutive 64-bit fields, as `openat2`, `clone3` and `mount_setattr` take them. */
export function u64Struct(...fields: readonly Word[]): Uint8Array {
  const words = new Uint32Array(fields.length * 2);
  const bytes = new Uint8Array(words.buffer);
  for (let index = 0; index < fields.length; index++) {
    const field = fields[index] as Word;
    // Nearly all fit in 32 bits.
    if (typeof field === "number" && field >>> 0 === field) words[index * 2] = field;
    else setWord(viewOf(bytes), index * 8, field);
  }
  return bytes;
}

/**
 * Writes 64 bits. Numbers, the usual case, are not turned into a BigInt, which would take half of the time.
 */
export function setWord(view: DataView, at: number, word: Word): void {
  if (typeof word === "bigint") {
    view.setBigUint64(at, BigInt.asUintN(64, assertWord(word) as bigint), true);
    return;
  }
  if (!Number.isSafeInteger(word)) assertWord(word);
  view.setUint32(at, word >>> 0, true);
  view.setInt32(at + 4, Math.floor(word / 2 ** 32), true);
}

/** An array of 32-bit numbers, as setgroups(2) takes one. */
export function u32Array(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = viewOf(bytes);
  values.forEach((value, index) => {
    view.setUint32(index * 4, value, true);
  });
  return bytes;
}
