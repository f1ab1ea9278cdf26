// Keeps compiled filters under the state root; called by compile.ts. A filter protects the kernel from the
// container, so a file that is incomplete, or that someone else could have written, is not used; if anything
// looks odd, the profile is compiled again. A cache that cannot be used costs time, but is never an error.

import { throwIfOutOfMemory } from "../errors.ts";
import { mustCall, tryCall } from "../linux/call/call.ts";
import { listDirectory } from "../linux/files/directories.ts";
import {
  createWhole,
  type Descriptor,
  fileIdentity,
  makeDirectories,
  modificationTime,
  open,
  openIfThere,
  remove,
  replaceFile,
  status,
} from "../linux/files/files.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, S_IFREG } from "../linux/numbers/fcntl.ts";
import { machine } from "../linux/numbers/syscalls.ts";
import type { Seccomp } from "../spec/types.ts";
import { type CompiledFilter, decodeEntry, encodeEntry, entryName, MAX_ENTRY_SIZE } from "./filter.ts";

/**
 * Raised whenever a profile compiles to a different program; a rebuilt tsrun counts as changed anyway.
 */
const FORMAT = "tsrun seccomp cache 3";

/** If there are more, the oldest are removed. A host has a handful of profiles. */
const MAX_ENTRIES = 64;

/** Bits that must not be set on the directory, and on a file in it. */
const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;

type Debug = (message: string) => void;

export interface CacheOptions {
  /** Absolute path of the cache's directory. */
  readonly directory: string;
  readonly debug: Debug;
}

/** Finds the filter of `profile` in the cache, or compiles it and adds it to the cache. */
export function cached(
  profile: Seccomp,
  { directory, debug }: CacheOptions,
  compile: () => CompiledFilter,
): CompiledFilter {
  const key = attempt("compute the seccomp cache key", debug, () => cacheKey(profile));
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
 * Everything that the program depends on: the profile, the machine, and tsrun itself, libseccomp included,
 * as the identity of its file (device, inode, size, times).
 */
function cacheKey(profile: Seccomp): string {
  return [FORMAT, machine, fileIdentity("/proc/self/exe"), canonicalText(profile)].join("\n");
}

/** Profiles with the same text compile to the same filter. The text leaves out who gets the notifications. */
function canonicalText(profile: Seccomp): string {
  const compiled = { ...profile, listenerPath: undefined, listenerMetadata: undefined };
  try {
    return JSON.stringify(compiled);
  } catch (error) {
    throwIfOutOfMemory(error);
    // Operands above 2^53 are bigints, which JSON cannot express, so they become objects; the schema allows
    // no object in place of a number.
    return JSON.stringify(compiled, (_, value) =>
      typeof value === "bigint" ? { exact: `${value}` } : value,
    );
  }
}

/** Opens the directory, and makes it if necessary. Throws if others have access to it. */
function openCache(path: string): Descriptor {
  const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
  let directory = openIfThere(path, flags);
  if (directory === undefined) {
    makeDirectories(path, 0o700);
    directory = open(path, flags);
  }
  // Checked on the descriptor, which no rename can redirect.
  const found = status("", { at: directory.number, itself: true });
  if (found?.uid === effectiveUser() && (found.mode & OTHERS) === 0) return directory;
  directory.close();
  throw new Error(`"${path}" is not a directory of ours alone`);
}

function readEntry(cache: Descriptor, key: string): CompiledFilter | undefined {
  // O_NONBLOCK: the open of a FIFO would wait.
  const name = entryName(key);
  const opened = openIfThere(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, { at: cache.number });
  if (opened === undefined) return undefined;
  using file = opened;
  const found = status("", { at: file.number, itself: true });
  const ours = found?.type === S_IFREG && found.uid === effectiveUser();
  if (!ours || (found.mode & OTHERS_WRITE) !== 0) {
    throw new Error(`entry ${name} is not a file of ours alone`);
  }
  // Read one byte more than its size, to notice a file that grows; one that is too long is not an entry.
  const bytes = new Uint8Array(Math.min(found.size, MAX_ENTRY_SIZE) + 1);
  const length = mustCall("read an entry", "read", file.number, bytes, bytes.length);
  const filter = decodeEntry(bytes.subarray(0, length), key);
  if (filter === undefined) throw new Error(`entry ${name} is damaged`);
  return filter;
}

/** Removes the oldest files beyond MAX_ENTRIES, including those that a killed tsrun left incomplete. */
function prune(cache: Descriptor): void {
  const entries = listDirectory(cache.number);
  if (entries.length <= MAX_ENTRIES) return;
  // Another tsrun may have just removed one of them.
  const dated = entries.map(({ name }) => ({
    name,
    modified: modificationTime(name, { at: cache.number }) ?? 0,
  }));
  dated.sort((a, b) => a.modified - b.modified);
  for (const { name } of dated.slice(0, entries.length - MAX_ENTRIES)) remove(name, { at: cache.number });
}

function effectiveUser(): number {
  return tryCall("geteuid");
}
