// Lists and removes directories. To the kernel a name is bytes, which need not be UTF-8: names go back to the
// kernel as the bytes that came from it, since text may have lost some.

import { TsrunError } from "../../errors.ts";
import { mustCall } from "../call/call.ts";
import { type Path, textBetween } from "../call/words.ts";
import { O_DIRECTORY, O_NOFOLLOW, O_RDONLY, S_IFDIR, S_IFLNK, S_IFREG } from "../numbers/fcntl.ts";
import { type At, openIfThere, remove, removeDirectory, status } from "./files.ts";

export type EntryType = "directory" | "file" | "symlink" | "other";

export interface DirectoryEntry {
  readonly name: string;
  readonly type: EntryType;
}

/** An entry with the kernel's bytes as its name, to be passed back to the kernel. */
export interface RawEntry {
  /** Without the final NUL. */
  readonly name: Uint8Array;
  readonly type: EntryType;
}

/** The place of a name in memory that the next call overwrites; `end` is that of the final NUL. */
type Found = (memory: Uint8Array, start: number, end: number, type: EntryType) => void;

/** getdents64(2): calls `found` for each entry of a directory opened for reading, except `.` and `..`. */
function findEntries(fd: number, found: Found): void {
  const memory = new Uint8Array(32768);
  for (;;) {
    const length = mustCall("list directory", "getdents64", fd, memory, memory.length);
    if (length === 0) return;
    let offset = 0;
    while (offset < length) {
      // d_reclen, 16 bits at 16, d_type at 18, and the name.
      const start = offset + 19;
      const type = memory[offset + 18] as number;
      offset += (memory[offset + 16] as number) | ((memory[offset + 17] as number) << 8);
      const end = memory.indexOf(0, start);
      if (memory[start] === DOT && isDotOrDotDot(memory, start, end)) continue;
      const known = entryType(type) ?? lookAt(fd, memory.subarray(start, end));
      if (known !== undefined) found(memory, start, end, known);
    }
  }
}

const DOT = 0x2e;

/** Of a name that begins with a dot. */
function isDotOrDotDot(memory: Uint8Array, start: number, end: number): boolean {
  return end - start === 1 || (end - start === 2 && memory[start + 1] === DOT);
}

/**
 * Calls `visit` with each entry of a directory opened for reading, except `.` and `..`. The bytes of the name
 * are valid only during the call: a directory may have millions of entries.
 */
export function visitEntries(fd: number, visit: (name: Uint8Array, type: EntryType) => void): void {
  findEntries(fd, (memory, start, end, type) => visit(memory.subarray(start, end), type));
}

/** `undefined` for DT_UNKNOWN, which some file systems always report. */
function entryType(type: number): EntryType | undefined {
  if (type === 0) return undefined;
  if (type === 4) return "directory";
  if (type === 8) return "file";
  return type === 10 ? "symlink" : "other";
}

/** The type of an entry, read from the entry itself; `undefined` if it is gone. */
function lookAt(fd: number, name: Uint8Array): EntryType | undefined {
  const found = status(name, { at: fd, followLinks: false });
  if (found === undefined) return undefined;
  if (found.type === S_IFDIR) return "directory";
  if (found.type === S_IFREG) return "file";
  return found.type === S_IFLNK ? "symlink" : "other";
}

/** The entries of a directory opened for reading, their names as bytes. */
export function listRawEntries(fd: number): RawEntry[] {
  const entries: RawEntry[] = [];
  visitEntries(fd, (name, type) => {
    entries.push({ name: name.slice(), type });
  });
  return entries;
}

/**
 * The entries of a directory opened for reading, with names as text: for directories in which only tsrun or
 * the kernel chooses names.
 */
export function listDirectory(fd: number): DirectoryEntry[] {
  const entries: DirectoryEntry[] = [];
  findEntries(fd, (memory, start, end, type) => {
    entries.push({ name: textBetween(memory, start, end), type });
  });
  return entries;
}

/** Like `listDirectory`, by path; none if the directory does not exist. */
export function listDirectoryAt(path: Path, options: At = {}): DirectoryEntry[] {
  const directory = openIfThere(path, O_RDONLY | O_DIRECTORY, options);
  if (directory === undefined) return [];
  using held = directory;
  return listDirectory(held.number);
}

/**
 * Like `listDirectoryAt`; also none if the directory cannot be read: a process has ended or is another
 * user's.
 */
export function listIfReadable(path: Path): DirectoryEntry[] {
  try {
    return listDirectoryAt(path);
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    return [];
  }
}

/** Removes an entry of a directory of ours with everything in it; never follows a symbolic link. */
export function removeEntry({ name, type }: RawEntry, options: At): void {
  if (type !== "directory") {
    remove(name, options);
    return;
  }
  const directory = openIfThere(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, options);
  if (directory === undefined) return;
  using held = directory;
  for (const entry of listRawEntries(held.number)) removeEntry(entry, { at: held.number });
  removeDirectory(name, options);
}
