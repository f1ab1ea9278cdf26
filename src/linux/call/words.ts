// Machine words: the checks that a call of C does not make (undefined and NaN would silently become 0), C
// strings, and little-endian structures. Pure.

import { decodeRaw, encodeRaw, joinBytes } from "../../engine/host/raw-text.ts";
import { TsrunError } from "../../errors.ts";

export { joinBytes };

/** A 64-bit value as JavaScript can hold it. */
export type Word = number | bigint;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Returns `value` when it is a whole number that fits 64 bits; anything else is a mistake of ours. */
export function assertWord(value: Word): Word {
  if (typeof value === "bigint") {
    if (value >= -(1n << 63n) && value < 1n << 64n) return value;
  } else if (Number.isSafeInteger(value)) {
    return value;
  }
  throw new TsrunError("E_INTERNAL", `${String(value)} is no machine word`);
}

/** A path: text of ours, or the bytes that the kernel names a file by, which need not be UTF-8. */
export type Path = string | Uint8Array;

/** The NUL-terminated bytes of `path`; a NUL inside is refused, since C would cut the string there. */
export function cString(path: Path): Uint8Array {
  const hasNul = typeof path === "string" ? path.includes("\0") : path.includes(0);
  if (hasNul) throw new TsrunError("E_CONFIG", `${JSON.stringify(pathText(path))} holds a NUL character`);
  if (typeof path === "string") return utf8(`${path}\0`);
  const bytes = new Uint8Array(path.length + 1);
  bytes.set(path);
  return bytes;
}

/** A path for a message. */
export function pathText(path: Path): string {
  return typeof path === "string" ? path : text(path);
}

/** What tsrun's own engine has beside the standard, and a test's may not have. */
const { writeAscii } = encoder as {
  writeAscii?: (text: string, length: number, buffer: ArrayBufferLike, at: number) => boolean;
};

/**
 * Writes `text` as a C string into memory, and returns the number of its bytes. 0 where it is not ASCII, has
 * a NUL in it or no room, and nothing is written then: `cString` makes the bytes, or the error.
 */
export function writeCString(text: string, buffer: ArrayBufferLike, at: number): number {
  if (writeAscii === undefined || !writeAscii(text, text.length, buffer, at)) return 0;
  return text.length + 1;
}

const encode = (text: string): Uint8Array => encoder.encode(text);

/** The UTF-8 bytes of `text`, and the bytes that `text` below could not read as UTF-8. */
export function utf8(text: string): Uint8Array {
  return text.isWellFormed() ? encoder.encode(text) : encodeRaw(text, encode);
}

/**
 * The text of UTF-8 `bytes`. What the kernel names may be other bytes, too; those stand for themselves when
 * the text becomes bytes again (engine/host/raw-text.ts).
 */
export function text(bytes: Uint8Array): string {
  const whole = decoder.decode(bytes);
  // So it is with ASCII.
  if (whole.length === bytes.length && !whole.includes("\ufffd")) return whole;
  const isSame = whole.isWellFormed() && !whole.includes("\ufffd");
  return isSame && encoder.encode(whole).length === bytes.length ? whole : decodeRaw(bytes);
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
    // Nearly all have no more than 32 bits.
    if (typeof field === "number" && field >>> 0 === field) words[index * 2] = field;
    else setWord(viewOf(bytes), index * 8, field);
  }
  return bytes;
}

/** Writes 64 bits. Numbers, which nearly all are, take no BigInt: that would be half of the time. */
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
