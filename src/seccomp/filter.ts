// A compiled filter, and its form in a cache file. Pure; the files are read and written by cache.ts.

import { utf8, viewOf } from "../linux/words.ts";
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

/** SHA-256 in hexadecimal, or anything else of 64 letters. */
export type Hash = (bytes: Uint8Array) => string;

const HASH_SIZE = 64;

/*
 *     magic       8 bytes
 *     key        64      hash of everything that the program depends on
 *     flags       4
 *     length      4      bytes of the program
 *     program
 *     checksum   64      hash of all that stands before
 */
const MAGIC = "tsrunbpf";
const FLAGS_OFFSET = MAGIC.length + HASH_SIZE;
const LENGTH_OFFSET = FLAGS_OFFSET + 4;
const HEADER_SIZE = LENGTH_OFFSET + 4;

/** No entry is larger. */
export const MAX_ENTRY_SIZE = HEADER_SIZE + MAX_INSTRUCTIONS * INSTRUCTION_SIZE + HASH_SIZE;

/** The bytes of a cache entry. */
export function encodeEntry(key: string, { program, flags }: CompiledFilter, hash: Hash): Uint8Array {
  const end = HEADER_SIZE + program.length;
  const entry = new Uint8Array(end + HASH_SIZE);
  const view = viewOf(entry);
  entry.set(utf8(MAGIC + key));
  view.setUint32(FLAGS_OFFSET, flags, true);
  view.setUint32(LENGTH_OFFSET, program.length, true);
  entry.set(program, HEADER_SIZE);
  entry.set(utf8(hash(entry.subarray(0, end))), end);
  return entry;
}

/** The filter in a cache entry; `undefined` for anything but a whole entry of this key. */
export function decodeEntry(entry: Uint8Array, key: string, hash: Hash): CompiledFilter | undefined {
  const end = entry.length - HASH_SIZE;
  if (end <= HEADER_SIZE || entry.length > MAX_ENTRY_SIZE) return undefined;
  const view = viewOf(entry);
  const length = view.getUint32(LENGTH_OFFSET, true);
  if (length !== end - HEADER_SIZE || length % INSTRUCTION_SIZE !== 0) return undefined;
  if (!startsWith(entry, utf8(MAGIC + key))) return undefined;
  if (!startsWith(entry.subarray(end), utf8(hash(entry.subarray(0, end))))) return undefined;
  const flags = view.getUint32(FLAGS_OFFSET, true);
  const notify = (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) !== 0;
  return { program: entry.subarray(HEADER_SIZE, end), flags, notify };
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  for (let index = 0; index < start.length; index++) {
    if (bytes[index] !== start[index]) return false;
  }
  return true;
}
