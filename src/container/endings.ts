// Remembers how containers ended, for `why`: lines in a small file below the state root, whose name cannot be
// an id. Commands append to it without waiting for each other, and when it is full it takes the place of the
// one before. Whatever goes wrong with it is no failure of the command.

import { TsrunError } from "../errors.ts";
import { tryCall } from "../linux/call/call.ts";
import { cString, text } from "../linux/call/words.ts";
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
/** Bytes of a full file: each of the two has room for all, so that the older one may go at any time. */
const FULL = LONGEST_LINE * MOST_ENDINGS;
/** While one command puts it aside, others may make it a little larger, but not without end. */
const MOST = 2 * FULL;
/** A link or a FIFO of that name is somebody else's. */
const FLAGS = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;

/** Appends what a command knows. The root is not made for it. */
export function remember(root: string, ending: Ending): void {
  try {
    const line = lineOf(ending);
    if (line !== undefined && !append(root, line)) append(root, line);
  } catch {
    // Not even want of memory may make a command fail that has done what it was asked for.
  }
}

/** False if the file was full: the next one is a new one. */
function append(root: string, line: Uint8Array): boolean {
  const path = `${root}/${ENDED}`;
  const fd = tryCall("openat", AT_FDCWD, cString(path), O_WRONLY | O_APPEND | O_CREAT | FLAGS, 0o600);
  if (fd < 0) return true;
  using file = new Descriptor(fd);
  // The end of the file, where each line is written. A FIFO has none.
  const end = tryCall("lseek", file.number, 0, SEEK_END);
  if (end < 0 || end >= MOST) return true;
  if (end >= FULL && putAside(root, file.number)) return false;
  tryCall("write", file.number, line, line.length);
  return true;
}

/**
 * Gives the full file the other name. Only who has locked the file that has the name may rename it, so that
 * of two commands the second does not put the new file aside. Who has the old one open still appends to it.
 */
function putAside(root: string, fd: number): boolean {
  if (tryCall("flock", fd, LOCK_EX | LOCK_NB) < 0) return false;
  const [from, to] = [`${root}/${ENDED}`, `${root}/${ENDED_BEFORE}`];
  const held = status("", { at: fd, itself: true });
  if (status(from, { followLinks: false })?.inode !== held?.inode) return true;
  return tryCall("renameat2", AT_FDCWD, cString(from), AT_FDCWD, cString(to), 0) === 0;
}

/** What is remembered below a root, the latest last; nothing if that cannot be read. */
export function readEndings(root: string): Ending[] {
  const texts = [ENDED_BEFORE, ENDED].map((name) => readIfRegular(`${root}/${name}`));
  return merged(endingsIn(texts.join("\n")));
}

function readIfRegular(path: string): string {
  const fd = tryCall("openat", AT_FDCWD, cString(path), O_RDONLY | FLAGS, 0);
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
  /** Of a container that is there already. */
  readonly created?: string;
}

/** Does what a command is asked for; if that fails, what it said is remembered. */
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

/** These do not tell of a container: the id is another one's or none, or tsrun had no memory. */
const FOREIGN = new Set(["E_EXISTS", "E_BAD_ID", "E_USAGE", "E_NOMEM", "E_INTERNAL"]);
