// Files of the host, by descriptor, that tsrun itself reads and writes. The engine has no node:fs, and names
// can be relative to a directory that the caller has open.

import { TsrunError } from "../../errors.ts";
import { hasErrno, mustCall, syscallError, tryCall } from "../call/call.ts";
import { type Path, pathArgument, pathText, text, utf8, viewOf } from "../call/words.ts";
import { EEXIST, EFBIG, ENOENT, ENOSYS, ENOTEMPTY } from "../numbers/errno.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_REMOVEDIR,
  AT_SYMLINK_FOLLOW,
  AT_SYMLINK_NOFOLLOW,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_PATH,
  O_RDONLY,
  O_TMPFILE,
  O_WRONLY,
} from "../numbers/fcntl.ts";
import { peekText, peekWhole } from "./peek.ts";
import {
  doWithoutStatx,
  type FileStatus,
  knowsStatx,
  parseIdentity,
  parseModified,
  parseStatx,
  STAT_SIZE,
  STATX_BASIC,
  STATX_SIZE,
} from "./statx.ts";

export { type FileStatus, parseStatx, STATX_BASIC, STATX_SIZE };

/** A descriptor that closes itself at the end of a `using` block. */
export class Descriptor implements Disposable {
  #number: number;

  constructor(number: number) {
    this.#number = number;
  }

  get number(): number {
    return this.#number;
  }

  close(): void {
    if (this.#number >= 0) tryCall("close", this.#number);
    this.#number = -1;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

export interface At {
  /** The directory from which a relative path starts; if absent, the working directory. */
  readonly at?: number;
}

export interface OpenOptions extends At {
  readonly mode?: number;
}

/** openat(2), close-on-exec always. Throws with the path in the message. */
export function open(path: Path, flags: number, { at = AT_FDCWD, mode = 0 }: OpenOptions = {}): Descriptor {
  const fd = tryCall("openat", at, pathArgument(path), flags | O_CLOEXEC, mode);
  if (fd < 0) throw syscallError(`open "${pathText(path)}"`, -fd);
  return new Descriptor(fd);
}

/** As `open`, for a directory. */
export function openDirectory(path: Path, options: At = {}): Descriptor {
  return open(path, O_PATH | O_DIRECTORY, options);
}

/** Like `open`; `undefined` if there is no such file. */
export function openIfThere(path: Path, flags: number, options: OpenOptions = {}): Descriptor | undefined {
  try {
    return open(path, flags, options);
  } catch (error) {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** Everything that can be read from a descriptor. */
export function readAll(fd: number, what: string, most = Number.POSITIVE_INFINITY): Uint8Array {
  let buffer = new Uint8Array(4096);
  let length = 0;
  for (;;) {
    if (length === buffer.length) {
      const larger = new Uint8Array(buffer.length * 4);
      larger.set(buffer);
      buffer = larger;
    }
    const room = length === 0 ? buffer : buffer.subarray(length);
    const got = tryCall("read", fd, room, room.length);
    if (got < 0) throw syscallError(`read ${what}`, -got);
    length += got;
    if (got === 0 || length > most) return buffer.subarray(0, length);
  }
}

/**
 * The first `most` bytes of what a program writes to a pipe. The rest is read, too, so that the program does
 * not wait, but is not kept.
 */
export function readBeginning(fd: number, what: string, most: number): Uint8Array {
  const kept = new Uint8Array(most);
  const rest = new Uint8Array(1 << 16);
  let length = 0;
  for (;;) {
    const room = length < most ? kept.subarray(length) : rest;
    const got = tryCall("read", fd, room, room.length);
    if (got < 0) throw syscallError(`read ${what}`, -got);
    if (got === 0) return kept.subarray(0, length);
    if (length < most) length += got;
  }
}

export interface ReadOptions extends At {
  /**
   * A short file of the kernel, which the first read(2) returns completely, so that no second one is needed.
   */
  readonly isShort?: boolean;
  /** A larger file is refused with EFBIG, after hardly more bytes than this. */
  readonly most?: number;
}

/** The bytes of a file. */
export function readFile(path: string, options: ReadOptions = {}): Uint8Array {
  const file = open(path, O_RDONLY, options);
  // Does what `using` does, which the bundler turns into ten calls: commands read a dozen files.
  try {
    if (options.isShort === true) return readShort(file.number, path);
    const bytes = readAll(file.number, `"${path}"`, options.most);
    if (options.most !== undefined && bytes.length > options.most)
      throw syscallError(`read "${path}"`, EFBIG);
    return bytes;
  } finally {
    file.close();
  }
}

function readShort(fd: number, path: string): Uint8Array {
  const buffer = new Uint8Array(4096);
  const got = tryCall("read", fd, buffer, buffer.length);
  if (got < 0) throw syscallError(`read "${path}"`, -got);
  return buffer.subarray(0, got);
}

/** The text of a file. */
export function readText(path: string, options: ReadOptions = {}): string {
  const found = tryReadText(path, options);
  if (typeof found === "string") return found;
  // A pipe must not be read again.
  if (found === -EFBIG && options.isShort !== true) throw syscallError(`read "${path}"`, EFBIG);
  // Another try, for the error.
  return text(readFile(path, options));
}

/** The text of a file, or a negated errno. */
function tryReadText(path: string, { at = AT_FDCWD, isShort = false, most }: ReadOptions): string | number {
  return isShort ? peekText(path, at) : peekWhole(path, at, most);
}

/**
 * The text of a file; `undefined` if it cannot be read. Throws if the reason is not the file: if tsrun has
 * run out of descriptors or of memory.
 */
export function readTextIfThere(path: string, options: ReadOptions = {}): string | undefined {
  const found = tryReadText(path, options);
  if (typeof found === "string") return found;
  if (found === -ENOENT) return undefined;
  try {
    return text(readFile(path, options));
  } catch (error) {
    if (!(error instanceof TsrunError) || hasErrno(error, "EMFILE", "ENFILE", "ENOMEM")) throw error;
    return undefined;
  }
}

/** Writes everything, in as many calls as needed. Throws EPIPE and similar as errors about `what`. */
export function writeAll(fd: number, data: string | Uint8Array, what = `descriptor ${fd}`): void {
  let rest = typeof data === "string" ? utf8(data) : data;
  while (rest.length > 0) {
    const written = tryCall("write", fd, rest, rest.length);
    if (written < 0) throw syscallError(`write ${what}`, -written);
    if (written === rest.length) return;
    rest = rest.subarray(written);
  }
}

/** Writes `data` to an existing file in one call, as kernel interfaces require. */
export function writeFile(path: string, data: string | Uint8Array, options: At = {}): void {
  const failure = tryWriteFile(path, data, options);
  if (failure < 0) throw syscallError(`write ${JSON.stringify(shown(data))} to "${path}"`, -failure);
}

/** Like `writeFile`, but returns the negated errno instead of throwing; 0 on success. */
export function tryWriteFile(path: string, data: string | Uint8Array, { at = AT_FDCWD }: At = {}): number {
  const fd = tryCall("openat", at, path, O_WRONLY | O_CLOEXEC, 0);
  if (fd < 0) return fd;
  const bytes = typeof data === "string" ? utf8(data) : data;
  const written = tryCall("write", fd, bytes, bytes.length);
  tryCall("close", fd);
  return Math.min(written, 0);
}

export interface CreateFileOptions extends At {
  readonly mode: number;
}

/**
 * Creates a file that must not exist yet. It is not synced to the disk: its content is useless after the
 * machine stops. If it cannot be written completely, it is removed.
 */
export function createFile(path: string, data: string | Uint8Array, options: CreateFileOptions): void {
  createOpenFile(path, data, options).close();
}

/** Like `createFile`, but returns the open file. */
export function createOpenFile(
  path: string,
  data: string | Uint8Array,
  { at = AT_FDCWD, mode }: CreateFileOptions,
): Descriptor {
  const file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, { at, mode });
  try {
    writeAll(file.number, data, `"${path}"`);
  } catch (error) {
    file.close();
    // If that fails too, the first error is the one that says what is wrong.
    tryCall("unlinkat", at, path, 0);
    throw error;
  }
  return file;
}

/**
 * Creates a file that gets its name only when it is complete (O_TMPFILE), so that nothing is left if tsrun is
 * killed. False if that is impossible: the name exists, or the file system has no such files.
 */
export function createWhole(
  path: string,
  data: string | Uint8Array,
  { at = AT_FDCWD, mode }: CreateFileOptions,
): boolean {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  const flags = O_TMPFILE | O_WRONLY | O_CLOEXEC;
  const fd = tryCall("openat", at, folder === "" ? "." : folder, flags, mode);
  if (fd < 0) return false;
  using file = new Descriptor(fd);
  const bytes = typeof data === "string" ? utf8(data) : data;
  if (tryCall("write", file.number, bytes, bytes.length) !== bytes.length) return false;
  // Through /proc, as in open(2): linking a descriptor directly requires CAP_DAC_READ_SEARCH.
  const itself = `/proc/self/fd/${file.number}`;
  return tryCall("linkat", AT_FDCWD, itself, at, path, AT_SYMLINK_FOLLOW) === 0;
}

/** The name under which `replaceFile` writes a file before it renames it. */
export function temporaryName(path: string): string {
  const slash = path.lastIndexOf("/");
  return `${path.slice(0, slash + 1)}.${path.slice(slash + 1)}.${process.pid}`;
}

/** Replaces a file atomically: writes a temporary file beside it, then calls rename(2). */
export function replaceFile(path: string, data: string | Uint8Array, options: CreateFileOptions): void {
  const { at = AT_FDCWD } = options;
  const temporary = temporaryName(path);
  try {
    createFile(temporary, data, options);
  } catch (error) {
    // An earlier process with this pid was killed.
    if (!hasErrno(error, "EEXIST")) throw error;
    remove(temporary, { at });
    createFile(temporary, data, options);
  }
  try {
    renameFile(temporary, path, { at });
  } catch (error) {
    tryCall("unlinkat", at, temporary, 0);
    throw error;
  }
}

/** rename(2) within a directory. */
export function renameFile(from: string, to: string, { at = AT_FDCWD }: At = {}): void {
  mustCall(`rename "${from}" to "${to}"`, "renameat2", at, from, at, to, 0);
}

/** mkdirat(2). Returns false when it existed. */
export function makeDirectory(path: string, mode: number, { at = AT_FDCWD }: At = {}): boolean {
  const result = tryCall("mkdirat", at, path, mode);
  if (result === -EEXIST) return false;
  if (result < 0) throw syscallError(`create directory "${path}"`, -result);
  return true;
}

/** Creates a directory and its missing parents. */
export function makeDirectories(path: string, mode: number): void {
  // Nearly always it is there already.
  const made = tryCall("mkdirat", AT_FDCWD, path, mode);
  if (made === 0 || made === -EEXIST) return;
  const parts = path.split("/");
  for (let length = 1; length <= parts.length; length++) {
    const prefix = parts.slice(0, length).join("/");
    if (prefix !== "") makeDirectory(prefix, mode);
  }
}

/** unlinkat(2); a missing file is no error. */
export function remove(path: Path, { at = AT_FDCWD }: At = {}): void {
  const result = tryCall("unlinkat", at, pathArgument(path), 0);
  if (result < 0 && result !== -ENOENT) throw syscallError(`remove "${pathText(path)}"`, -result);
}

/** Removes an empty directory. False if it is not empty; true also if it does not exist. */
export function removeDirectory(path: Path, { at = AT_FDCWD }: At = {}): boolean {
  const result = tryCall("unlinkat", at, pathArgument(path), AT_REMOVEDIR);
  if (result === -ENOTEMPTY || result === -EEXIST) return false;
  if (result < 0 && result !== -ENOENT) throw syscallError(`remove directory "${pathText(path)}"`, -result);
  return true;
}

/** readlinkat(2); `undefined` when it cannot be read. */
export function readLink(path: string, { at = AT_FDCWD }: At = {}): string | undefined {
  const buffer = new Uint8Array(4096);
  const length = tryCall("readlinkat", at, path, buffer, buffer.length);
  return length < 0 ? undefined : text(buffer.subarray(0, length));
}

export interface StatusOptions extends At {
  readonly followLinks?: boolean;
  /** The open file `at` itself, with an empty path. */
  readonly itself?: boolean;
}

/** statx(2) or newfstatat(2); `undefined` when there is no such file. Other failures throw. */
export function status(path: Path, options: StatusOptions = {}): FileStatus | undefined {
  const bytes = statusBytes(path, options);
  return bytes && parseStatx(bytes);
}

/** When a file was last written to, in seconds since 1970; `undefined` if there is none. */
export function modificationTime(path: Path, options: StatusOptions = {}): number | undefined {
  const bytes = statusBytes(path, options);
  return bytes && parseModified(bytes);
}

/** What changes when a file is replaced or written to. */
export function fileIdentity(path: Path): string {
  const bytes = statusBytes(path, {});
  if (bytes === undefined) throw syscallError(`stat "${pathText(path)}"`, ENOENT);
  return parseIdentity(bytes);
}

function statusBytes(path: Path, options: StatusOptions): Uint8Array | undefined {
  const { at = AT_FDCWD, followLinks = true, itself = false } = options;
  const flags = (followLinks ? 0 : AT_SYMLINK_NOFOLLOW) | (itself ? AT_EMPTY_PATH : 0);
  const name = pathArgument(path);
  let buffer = new Uint8Array(STATX_SIZE);
  let result = knowsStatx() ? tryCall("statx", at, name, flags, STATX_BASIC, buffer) : -ENOSYS;
  if (result === -ENOSYS) {
    doWithoutStatx();
    buffer = new Uint8Array(STAT_SIZE);
    result = tryCall("newfstatat", at, name, buffer, flags);
  }
  if (result === -ENOENT) return undefined;
  if (result < 0) throw syscallError(`stat "${pathText(path)}"`, -result);
  return buffer;
}

/** pipe2(2): the end to read from and the end to write to. */
export function pipe(): [Descriptor, Descriptor] {
  const pair = new Uint8Array(8);
  mustCall("make a pipe", "pipe2", pair, O_CLOEXEC);
  const view = viewOf(pair);
  return [new Descriptor(view.getInt32(0, true)), new Descriptor(view.getInt32(4, true))];
}

/** The file system magic of an open file (statfs(2)). */
export function filesystemType(fd: number): number {
  const buffer = new Uint8Array(120);
  mustCall("read the file system's type", "fstatfs", fd, buffer);
  // Eight bytes, of which no file system uses more than four.
  return viewOf(buffer).getUint32(0, true);
}

function shown(data: string | Uint8Array): string {
  const whole = typeof data === "string" ? data : text(data);
  return whole.length > 60 ? `${whole.slice(0, 60)}…` : whole;
}
