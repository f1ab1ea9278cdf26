// A compiled filter, and its form in a cache file. Pure; the files are read and written by cache.ts.

import { viewOf } from "../linux/words.ts";
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

/** SHA-256, or anything else of 32 bytes. */
export type Hash = (bytes: Uint8Array) => Uint8Array;

export const HASH_SIZE = 32;

/*
 *     magic       8 bytes
 *     key        32      hash of everything that the program depends on
 *     flags       4
 *     length      4      bytes of the program
 *     program
 *     checksum   32      hash of all that stands before
 */
const MAGIC = new TextEncoder().encode("tsrunbpf");
const HEADER_SIZE = MAGIC.length + HASH_SIZE + 8;

/** No entry is larger. */
export const MAX_ENTRY_SIZE = HEADER_SIZE + MAX_INSTRUCTIONS * INSTRUCTION_SIZE + HASH_SIZE;

/** The bytes of a cache entry. */
export function encodeEntry(key: Uint8Array, { program, flags }: CompiledFilter, hash: Hash): Uint8Array {
  const entry = new Uint8Array(HEADER_SIZE + program.length + HASH_SIZE);
  const view = viewOf(entry);
  entry.set(MAGIC);
  entry.set(key, MAGIC.length);
  view.setUint32(MAGIC.length + HASH_SIZE, flags, true);
  view.setUint32(MAGIC.length + HASH_SIZE + 4, program.length, true);
  entry.set(program, HEADER_SIZE);
  const end = HEADER_SIZE + program.length;
  entry.set(hash(entry.subarray(0, end)), end);
  return entry;
}

/** The filter in a cache entry; `undefined` for anything but a whole entry of this key. */
export function decodeEntry(entry: Uint8Array, key: Uint8Array, hash: Hash): CompiledFilter | undefined {
  const end = entry.length - HASH_SIZE;
  if (end < HEADER_SIZE || entry.length > MAX_ENTRY_SIZE) return undefined;
  const view = viewOf(entry);
  const length = view.getUint32(MAGIC.length + HASH_SIZE + 4, true);
  if (length !== end - HEADER_SIZE || length === 0 || length % INSTRUCTION_SIZE !== 0) return undefined;
  if (!equal(entry.subarray(0, MAGIC.length), MAGIC)) return undefined;
  if (!equal(entry.subarray(MAGIC.length, MAGIC.length + HASH_SIZE), key)) return undefined;
  if (!equal(entry.subarray(end), hash(entry.subarray(0, end)))) return undefined;
  const flags = view.getUint32(MAGIC.length + HASH_SIZE, true);
  const notify = (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) !== 0;
  return { program: entry.subarray(HEADER_SIZE, end), flags, notify };
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index++) {
    if (a[index] !== b[index]) return false;
  }
  return true;
}
