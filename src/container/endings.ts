// Remembers how containers ended, for `why`, in a small file below the state root. Its name cannot be an id.
// Commands append lines without waiting for each other. A full file replaces the previous one and a new one
// is begun. A command never fails because of this file.

import { TsrunError } from "../errors.ts";
import { tryCall } from "../linux/call/call.ts";
import { text } from "../linux/call/words.ts";
import { Descriptor, readAll, status } from "../linux/files/files.ts";
import {
  AT_FDCWD,
  LOCK_EX,
  LOCK_NB,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  S_IFREG,
  SEEK_END,
} from "../linux/numbers/fcntl.ts";
import { type Ending, endingsIn, LONGEST_LINE, lineOf, MOST_ENDINGS, merged } from "./ending.ts";

export const ENDED = ".ended";
const ENDED_BEFORE = ".ended.1";
/**
 * Bytes of a full file. Each of the two files has room for all endings, so the older one may go at any
 * time.
 */
const FULL = LONGEST_LINE * MOST_ENDINGS;
/** While one command renames the full file, others may still append, up to this size. */
const MOST = 2 * FULL;
/** These flags keep from following a link or waiting at a FIFO of that name. */
const FLAGS = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

/** Appends what a command knows. Does nothing if the root does not exist. */
export function remember(root: string, ending: Ending): void {
  try {
    const line = lineOf(ending);
    if (line !== undefined && !append(root, line)) append(root, line);
  } catch {
    // The command has done what it was asked for, so it must not fail here, not even for lack of memory.
  }
}

/** Returns false if the file was full and has been renamed, so that the caller can try again. */
function append(root: string, line: Uint8Array): boolean {
  const path = `${root}/${ENDED}`;
  const fd = tryCall("openat", AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | FLAGS, 0o600);
  if (fd < 0) return true;
  using file = new Descriptor(fd);
  // The file's size; lseek fails on a FIFO.
  const end = tryCall("lseek", file.number, 0, SEEK_END);
  if (end < 0 || end >= MOST) return true;
  if (end >= FULL && putAside(root, file.number)) return false;
  tryCall("write", file.number, line, line.length);
  return true;
}

/**
 * Renames the full file. Only the command that has locked the file of that name may rename it; otherwise, of
 * two commands at once, the second would rename the new file. Commands that have the old file open still
 * append to it.
 */
function putAside(root: string, fd: number): boolean {
  if (tryCall("flock", fd, LOCK_EX | LOCK_NB) < 0) return false;
  const [from, to] = [`${root}/${ENDED}`, `${root}/${ENDED_BEFORE}`];
  const held = status("", { at: fd, itself: true });
  if (status(from, { followLinks: false })?.inode !== held?.inode) return true;
  return tryCall("renameat2", AT_FDCWD, from, AT_FDCWD, to, 0) === 0;
}

/** What is remembered below a root, the latest last; empty if the files cannot be read. */
export function readEndings(root: string): Ending[] {
  const texts = [ENDED_BEFORE, ENDED].map((name) => readIfRegular(`${root}/${name}`));
  return merged(endingsIn(texts.join("\n")));
}

function readIfRegular(path: string): string {
  const fd = tryCall("openat", AT_FDCWD, path, O_RDONLY | FLAGS, 0);
  if (fd < 0) return "";
  using file = new Descriptor(fd);
  if (status("", { at: file.number, itself: true })?.type !== S_IFREG) return "";
  return text(readAll(file.number, `"${path}"`, 4 * FULL));
}

export interface Attempt {
  readonly root: string;
  readonly id: string;
  /** The command. */
  readonly by: string;
  /** `created` of the container, if it exists already. */
  readonly created?: string;
}

/** Does `action`. If it fails, remembers the error. */
export function rememberingFailure<T>({ root, id, by, created }: Attempt, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof TsrunError && !FOREIGN.has(error.code)) {
      const { message, hint } = error;
      const told = { id, created, at: Date.now(), by, failed: by, error: message };
      remember(root, hint === undefined ? told : { ...told, next: hint });
    }
    throw error;
  }
}

/** Errors that say nothing about the container: the id is taken or invalid, or tsrun had no memory. */
const FOREIGN = new Set(["E_EXISTS", "E_BAD_ID", "E_USAGE", "E_NOMEM", "E_INTERNAL"]);
