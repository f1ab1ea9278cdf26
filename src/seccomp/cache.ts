// Compiled filters kept under the state root; called by compile.ts. A filter is what stands between a
// container and the kernel, so nothing is believed that could have been written by anybody else, or half;
// whatever looks odd is compiled again. A cache that cannot be used costs time, never an error.

import { throwIfOutOfMemory } from "../errors.ts";
import { mustCall, tryCall } from "../linux/call/call.ts";
import { cString, viewOf } from "../linux/call/words.ts";
import { listDirectory } from "../linux/files/directories.ts";
import {
  createWhole,
  type Descriptor,
  makeDirectories,
  open,
  openIfThere,
  remove,
  replaceFile,
  STATX_BASIC,
  STATX_SIZE,
  status,
} from "../linux/files/files.ts";
import { AT_FDCWD, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, S_IFREG } from "../linux/numbers/fcntl.ts";
import { machine } from "../linux/numbers/syscalls.ts";
import type { Seccomp } from "../spec/types.ts";
import { type CompiledFilter, decodeEntry, encodeEntry, entryName, MAX_ENTRY_SIZE } from "./filter.ts";

/**
 * Raised whenever a profile compiles to something else than before; a rebuilt tsrun counts as changed anyway.
 */
const FORMAT = "tsrun seccomp cache 2";

/** Beyond this many the oldest go. A host has a handful of profiles. */
const MAX_ENTRIES = 64;

/** Bits that must not be set on the directory, and on a file in it. */
const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;

type Debug = (message: string) => void;

export interface CacheOptions {
  /** Absolute path of the cache's own directory. */
  readonly directory: string;
  /** The library file that would compile the profile. */
  readonly libraryPath: string;
  readonly debug: Debug;
}

/** Finds the filter of `profile` in the cache, or has it compiled and kept. */
export function cached(
  profile: Seccomp,
  { directory, libraryPath, debug }: CacheOptions,
  compile: () => CompiledFilter,
): CompiledFilter {
  const key = attempt("compute the seccomp cache key", debug, () => cacheKey(profile, libraryPath));
  const opened = attempt("open the seccomp cache", debug, () => openCache(directory));
  if (key === undefined || opened === undefined) return compile();
  using cache = opened;
  const found = attempt("read the seccomp cache", debug, () => readEntry(cache, key));
  if (found !== undefined) return found;
  const filter = compile();
  attempt("write the seccomp cache", debug, () => {
    const entry = encodeEntry(key, filter);
    if (entry === undefined) return;
    const place = { at: cache.number, mode: 0o600 };
    if (!createWhole(entryName(key), entry, place)) replaceFile(entryName(key), entry, place);
    prune(cache);
  });
  return filter;
}

function attempt<T>(what: string, debug: Debug, action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    throwIfOutOfMemory(error);
    debug(`cannot ${what}: ${error instanceof Error ? error.message : String(error)}, ignoring`);
    return undefined;
  }
}

/**
 * Everything that the program depends on: the profile, the machine, libseccomp and tsrun themselves. The last
 * two go in as file identities (device, inode, size, times), since asking libseccomp for its version means
 * loading it.
 */
function cacheKey(profile: Seccomp, libraryPath: string): string {
  const files = [libraryPath, "/proc/self/exe"].map((path) => `${path} ${fileIdentity(path)}`);
  return [FORMAT, machine, ...files, canonicalText(profile)].join("\n");
}

/** Two profiles with one text compile to one filter. Who gets the notifications makes no difference to it. */
function canonicalText(profile: Seccomp): string {
  const compiled = { ...profile, listenerPath: undefined, listenerMetadata: undefined };
  try {
    return JSON.stringify(compiled);
  } catch (error) {
    throwIfOutOfMemory(error);
    // Operands beyond 2^53 are bigints, which JSON has no form for; the schema lets no object stand for a
    // number.
    return JSON.stringify(compiled, (_, value) =>
      typeof value === "bigint" ? { exact: `${value}` } : value,
    );
  }
}

/** What changes when a file is replaced or written to, of `struct statx`. */
function fileIdentity(path: string): string {
  const statx = new Uint8Array(STATX_SIZE);
  mustCall(`stat "${path}"`, "statx", AT_FDCWD, cString(path), 0, STATX_BASIC, statx);
  const view = viewOf(statx);
  // Device (major, minor), inode, size, stx_ctime, stx_mtime; of the times the nanoseconds too.
  const words = [136, 140, 32, 36, 40, 44, 96, 104, 112, 120];
  return words.map((offset) => view.getUint32(offset, true).toString(16)).join(" ");
}

/** Opens the directory, making it first if need be. Throws when it is not ours alone. */
function openCache(path: string): Descriptor {
  const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
  let directory = openIfThere(path, flags);
  if (directory === undefined) {
    makeDirectories(path, 0o700);
    directory = open(path, flags);
  }
  // Checked on the descriptor, which no rename can put another directory behind.
  const found = status("", { at: directory.number, itself: true });
  if (found?.uid === effectiveUser() && (found.mode & OTHERS) === 0) return directory;
  directory.close();
  throw new Error(`"${path}" is not a directory of ours alone`);
}

function readEntry(cache: Descriptor, key: string): CompiledFilter | undefined {
  // O_NONBLOCK: a FIFO would be waited for.
  const name = entryName(key);
  const opened = openIfThere(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, { at: cache.number });
  if (opened === undefined) return undefined;
  using file = opened;
  const found = status("", { at: file.number, itself: true });
  const ours = found?.type === S_IFREG && found.uid === effectiveUser();
  if (!ours || (found.mode & OTHERS_WRITE) !== 0) {
    throw new Error(`entry ${name} is not a file of ours alone`);
  }
  // One byte more than it has, so that a file that grows shows; one too long is no entry.
  const bytes = new Uint8Array(Math.min(found.size, MAX_ENTRY_SIZE) + 1);
  const length = mustCall("read an entry", "read", file.number, bytes, bytes.length);
  const filter = decodeEntry(bytes.subarray(0, length), key);
  if (filter === undefined) throw new Error(`entry ${name} is damaged`);
  return filter;
}

/** Removes the oldest entries, and what a killed tsrun left of them, beyond MAX_ENTRIES. */
function prune(cache: Descriptor): void {
  const entries = listDirectory(cache.number);
  if (entries.length <= MAX_ENTRIES) return;
  const dated = entries.map(({ name }) => ({ name, modified: modificationTime(cache, name) }));
  dated.sort((a, b) => a.modified - b.modified);
  for (const { name } of dated.slice(0, entries.length - MAX_ENTRIES)) remove(name, { at: cache.number });
}

/** 0 for a file that another tsrun has just removed. */
function modificationTime(cache: Descriptor, name: string): number {
  const buffer = new Uint8Array(STATX_SIZE);
  const result = tryCall("statx", cache.number, cString(name), 0, STATX_BASIC, buffer);
  const view = viewOf(buffer);
  // stx_mtime: seconds, nanoseconds
  return result < 0 ? 0 : Number(view.getBigInt64(112, true)) + view.getUint32(120, true) / 1e9;
}

function effectiveUser(): number {
  return tryCall("geteuid");
}
