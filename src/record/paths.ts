// Finds out which files a container wrote: those whose `ctime`, which no program can set, is later than the
// start of the program. Called by recorder.ts.
//
// This works on every file system, needs no privileges, and does not slow the program down. If a file was
// made and removed again, its directory has changed.

import { walk } from "../cause/walk.ts";
import { TsrunError } from "../errors.ts";
import { tryCall } from "../linux/call/call.ts";
import { cString, text, u64Struct, viewOf } from "../linux/call/words.ts";
import { visitEntries } from "../linux/files/directories.ts";
import { Descriptor, STATX_SIZE } from "../linux/files/files.ts";
import { poll } from "../linux/files/poll.ts";
import { ENOSYS } from "../linux/numbers/errno.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  RESOLVE_IN_ROOT,
  S_IFDIR,
  S_IFMT,
} from "../linux/numbers/fcntl.ts";
import { joined, type WritablePlace } from "./places.ts";

/** STATX_TYPE | STATX_CTIME */
const WANTED = 0x81;
/**
 * File times come from the kernel's tick, which may be as slow as 100 Hz. This is longer than a tick, in
 * ms.
 */
const TICKS_MS = 25;
/** At most this many entries are looked at, and at most this many paths are listed. */
const MOST_ENTRIES = 2_000_000;
const MOST_TOLD = 2_000;
/** How deep directories are entered: each level is an open descriptor. */
const DEEPEST = 200;
/** If the time of day drifts further than this from the monotonic clock, file times mean nothing. */
const MOST_DRIFT_MS = 1000;

export interface Written {
  readonly paths: readonly string[];
  readonly mounts: readonly { readonly destination: string; readonly written: boolean }[];
  /** What could not be looked at, in words. */
  readonly limits: readonly string[];
}

interface Open extends WritablePlace {
  /** The file or directory, opened with O_PATH; or the reason why it is not open. */
  readonly top: Descriptor | string;
}

export class PathWatch implements Disposable {
  readonly #places: readonly Open[];
  readonly #sinceMs: number;
  readonly #offsetMs: number;

  private constructor(places: readonly Open[]) {
    this.#places = places;
    // The two pauses make sure that what tsrun made is older than this time, and what the program writes is
    // newer.
    poll([], TICKS_MS);
    this.#sinceMs = Date.now();
    this.#offsetMs = this.#sinceMs - performance.now();
    poll([], TICKS_MS);
  }

  /** @param root the container's root, opened: for places that have no path on the host */
  static begin(places: readonly WritablePlace[], root: Descriptor | undefined): PathWatch {
    return new PathWatch(places.map((place) => ({ ...place, top: openPlace(place, root) })));
  }

  end(): Written {
    const limits: string[] = [];
    const drift = Math.abs(Date.now() - performance.now() - this.#offsetMs);
    if (drift > MOST_DRIFT_MS) limits.push("the clock was set meanwhile, so file times may be wrong");
    const paths: string[] = [];
    const mounts = this.#places.map(({ destination, top }) => {
      if (typeof top === "string") {
        limits.push(top);
        return { destination, written: true };
      }
      const walk = new Walk(destination, this.#sinceMs);
      walk.look(top);
      limits.push(...walk.limits);
      paths.push(...walk.changed);
      return { destination, written: walk.changed.length > 0 || walk.limits.length > 0 };
    });
    const told = [...new Set(paths)].sort();
    if (told.length > MOST_TOLD) limits.push(`of ${told.length} written paths only ${MOST_TOLD} are listed`);
    return { paths: told.slice(0, MOST_TOLD), mounts, limits };
  }

  [Symbol.dispose](): void {
    for (const { top } of this.#places) if (typeof top !== "string") top.close();
  }
}

function openPlace(
  { destination, source }: WritablePlace,
  root: Descriptor | undefined,
): Descriptor | string {
  const opened = source === undefined ? openInside(destination, root) : openOutside(source);
  return opened ?? `${destination} could not be opened from outside, so it counts as written`;
}

function openOutside(source: string): Descriptor | undefined {
  return descriptorOf(tryCall("openat", AT_FDCWD, source, O_PATH | O_CLOEXEC, 0));
}

/** Resolves symbolic links within the container's root. */
function openInside(destination: string, root: Descriptor | undefined): Descriptor | undefined {
  if (root === undefined) return undefined;
  const how = u64Struct(O_PATH | O_CLOEXEC, 0, RESOLVE_IN_ROOT);
  const opened = tryCall("openat2", root.number, destination, how, how.length);
  if (opened !== -ENOSYS) return descriptorOf(opened);
  const way = walk({ directory: root, mounts: new Map() }, destination);
  return way.end === "found" ? way.file : undefined;
}

function descriptorOf(opened: number): Descriptor | undefined {
  return opened < 0 ? undefined : new Descriptor(opened);
}

/** Looks through one file system, from one place of the container down. */
class Walk {
  readonly changed: string[] = [];
  readonly limits: string[] = [];
  readonly #destination: string;
  readonly #sinceMs: number;
  readonly #statx = new Uint8Array(STATX_SIZE);
  readonly #view = viewOf(this.#statx);
  #device = 0;
  #entries = 0;

  constructor(destination: string, sinceMs: number) {
    this.#destination = destination;
    this.#sinceMs = sinceMs;
  }

  look(top: Descriptor): void {
    if (!this.#stat(top.number, cString(""), AT_EMPTY_PATH)) {
      this.limits.push(`the times of ${this.#destination} could not be read, so it counts as written`);
      return;
    }
    this.#device = this.#deviceNumber();
    const hasChanged = this.#hasChanged();
    if (!this.#isDirectory()) {
      if (hasChanged) this.changed.push(this.#destination);
      return;
    }
    try {
      this.#enter(top.number, cString("."), { path: "", hasChanged, depth: 0 });
    } catch (error) {
      if (!(error instanceof TsrunError)) throw error;
      this.limits.push(`${this.#destination} could not be read whole: ${error.message}`);
    }
  }

  #enter(
    parent: number,
    name: Uint8Array,
    { path, hasChanged, depth }: { path: string; hasChanged: boolean; depth: number },
  ): void {
    const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    const fd = tryCall("openat", parent, name, flags, 0);
    // The directory may have been removed meanwhile.
    if (fd < 0 || depth > DEEPEST) {
      if (fd >= 0) tryCall("close", fd);
      if (depth > DEEPEST) this.limits.push(`${joined(this.#destination, path)} was not entered: too deep`);
      return;
    }
    using directory = new Descriptor(fd);
    const before = this.changed.length;
    const within: { readonly name: Uint8Array; readonly path: string; readonly hasChanged: boolean }[] = [];
    visitEntries(directory.number, (bytes) => {
      if (++this.#entries > MOST_ENTRIES) return;
      const entry = cString(bytes);
      if (!this.#stat(directory.number, entry, AT_SYMLINK_NOFOLLOW)) return;
      const whole = path === "" ? text(bytes) : `${path}/${text(bytes)}`;
      if (this.#isDirectory()) {
        const isHere = this.#deviceNumber() === this.#device;
        if (isHere) within.push({ name: entry, path: whole, hasChanged: this.#hasChanged() });
      } else if (this.#hasChanged()) this.changed.push(joined(this.#destination, whole));
    });
    for (const one of within) {
      const { name: child, ...rest } = one;
      this.#enter(directory.number, child, { ...rest, depth: depth + 1 });
    }
    // Nothing in it has changed, so something was removed from it, or the directory itself is new or was
    // changed.
    if (hasChanged && this.changed.length === before) this.changed.push(joined(this.#destination, path));
    if (depth === 0 && this.#entries > MOST_ENTRIES) {
      this.limits.push(`of ${this.#destination} only ${MOST_ENTRIES} entries were looked at`);
    }
  }

  #stat(at: number, name: Uint8Array, flags: number): boolean {
    return tryCall("statx", at, name, flags, WANTED, this.#statx) === 0;
  }

  #isDirectory(): boolean {
    return (this.#view.getUint16(28, true) & S_IFMT) === S_IFDIR;
  }

  #deviceNumber(): number {
    return this.#view.getUint32(136, true) * 2 ** 20 + this.#view.getUint32(140, true);
  }

  /** `stx_ctime`, seconds and nanoseconds. */
  #hasChanged(): boolean {
    const seconds = this.#view.getUint32(96, true) + this.#view.getInt32(100, true) * 2 ** 32;
    return seconds * 1000 + this.#view.getUint32(104, true) / 1e6 > this.#sinceMs;
  }
}
