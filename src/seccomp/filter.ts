// A compiled filter, and its form in a cache file. Pure; the files are read and written by cache.ts.

import { text, utf8, viewOf } from "../linux/call/words.ts";
import { INSTRUCTION_SIZE } from "./bpf.ts";
import { MAX_INSTRUCTIONS, SECCOMP_FILTER_FLAG_NEW_LISTENER } from "./tables.ts";

export interface CompiledFilter {
  /** An array of `struct sock_filter`, eight bytes each. */
  readonly program: Uint8Array;
  /** SECCOMP_FILTER_FLAG_* for seccomp(2). */
  readonly flags: number;
  /** Whether seccomp(2) will return a descriptor that belongs to the agent at `listenerPath`. */
  readonly notify: boolean;
}

/*
 *     magic       8 bytes
 *     checksum    4      of everything between it and the key, which is compared in full
 *     flags       4
 *     length      4      bytes of the program
 *     length      4      bytes of the key
 *     program
 *     key                everything that the program depends on
 */
const MAGIC = "tsrunbp2";
const CHECKSUM_OFFSET = MAGIC.length;
const FLAGS_OFFSET = CHECKSUM_OFFSET + 4;
const LENGTH_OFFSET = FLAGS_OFFSET + 4;
const KEY_LENGTH_OFFSET = LENGTH_OFFSET + 4;
const HEADER_SIZE = KEY_LENGTH_OFFSET + 4;

const { checksum: fastChecksum } = globalThis as {
  readonly checksum?: (buffer: ArrayBufferLike, at: number, length: number) => number;
};

/** No entry is larger; profiles beyond that are compiled every time. */
export const MAX_ENTRY_SIZE = HEADER_SIZE + MAX_INSTRUCTIONS * INSTRUCTION_SIZE + (1 << 18);

/** The bytes of a cache entry; `undefined` when it would be too large. */
export function encodeEntry(key: string, { program, flags }: CompiledFilter): Uint8Array | undefined {
  const written = utf8(key);
  const entry = new Uint8Array(HEADER_SIZE + program.length + written.length);
  if (entry.length > MAX_ENTRY_SIZE) return undefined;
  const view = viewOf(entry);
  entry.set(utf8(MAGIC));
  view.setUint32(FLAGS_OFFSET, flags, true);
  view.setUint32(LENGTH_OFFSET, program.length, true);
  view.setUint32(KEY_LENGTH_OFFSET, written.length, true);
  entry.set(program, HEADER_SIZE);
  entry.set(written, HEADER_SIZE + program.length);
  view.setInt32(CHECKSUM_OFFSET, checksum(entry.subarray(FLAGS_OFFSET, HEADER_SIZE + program.length)), true);
  return entry;
}

/** The filter in a cache entry; `undefined` unless it is a complete entry of this key. */
export function decodeEntry(entry: Uint8Array, key: string): CompiledFilter | undefined {
  if (entry.length <= HEADER_SIZE || entry.length > MAX_ENTRY_SIZE) return undefined;
  const view = viewOf(entry);
  const end = HEADER_SIZE + view.getUint32(LENGTH_OFFSET, true);
  const keyLength = view.getUint32(KEY_LENGTH_OFFSET, true);
  if (end === HEADER_SIZE || (end - HEADER_SIZE) % INSTRUCTION_SIZE !== 0) return undefined;
  if (entry.length !== end + keyLength) return undefined;
  if (text(entry.subarray(0, MAGIC.length)) !== MAGIC) return undefined;
  if (text(entry.subarray(end, end + keyLength)) !== key) return undefined;
  if (view.getInt32(CHECKSUM_OFFSET, true) !== checksum(entry.subarray(FLAGS_OFFSET, end))) return undefined;
  const flags = view.getUint32(FLAGS_OFFSET, true);
  const notify = (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) !== 0;
  return { program: entry.subarray(HEADER_SIZE, end), flags, notify };
}

/** The name of a key's file. Keys with the same name replace each other: the file contains the full key. */
export function entryName(key: string): string {
  const written = utf8(key);
  const words = new Uint8Array((written.length + 3) & ~3);
  words.set(written);
  return `${written.length}-${(checksum(words) >>> 0).toString(16)}`;
}

/**
 * A checksum of 32-bit words, which detects any change of a single word. It detects damage, not attacks: only
 * we may write to the cache's directory. tsrun's engine has it in C.
 */
function checksum(bytes: Uint8Array): number {
  if (fastChecksum !== undefined) return fastChecksum(bytes.buffer, bytes.byteOffset, bytes.length);
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const { length } = words;
  let sum = 0;
  for (let index = 0; index < length; index++) {
    sum = ((sum << 5) | (sum >>> 27)) ^ (words[index] as number);
  }
  return sum;
}
