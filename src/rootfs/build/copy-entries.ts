// Copies the entries of one directory into another, dozens with each message. Called by copy-up.ts.

import { text } from "../../linux/call/words.ts";
import { type FileStatus, parseStatx, STATX_SIZE } from "../../linux/files/statx.ts";
import { ENAMETOOLONG, EPERM } from "../../linux/numbers/errno.ts";
import {
  AT_SYMLINK_NOFOLLOW,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_RDONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFREG,
} from "../../linux/numbers/fcntl.ts";
import { NULL } from "../../proxy/calls/arguments.ts";
import {
  close,
  fchownat,
  mkdirat,
  mknodat,
  openat,
  type Reading,
  readlinkat,
  statx,
  symlinkat,
  unlinkat,
} from "../../proxy/calls/calls.ts";
import { type Operation, operation, operationError, orGoOn } from "../../proxy/calls/operation.ts";
import type { RootContext } from "../place/context.ts";
import { copyFile, MOST_SENT, openFiles, owned } from "./copy-file.ts";

/** How many entries one batch handles: everything that its calls fill has to fit into the answer. */
const AT_ONCE = 48;
/** Far longer than most links. */
const LINK_SIZE = 1024;
/** The longest possible link (PATH_MAX), and how many of these fit into an answer. */
const LONGEST_LINK = 4096;
const LONG_LINKS_AT_ONCE = 12;
/** A file up to this size is copied in one call, with or without holes. */
const SMALL_FILE = 0x10000;
/** So is a file up to this size that has no holes. */
const LARGE_FILE = 1 << 30;
/** The unit in which statx(2) counts blocks, bytes. */
const BLOCK = 512;

/** Two directories, by descriptors in the container's first process. */
export interface DirectoryPair {
  readonly context: RootContext;
  readonly source: number;
  readonly target: number;
  readonly attempt: string;
}

interface Entry {
  readonly name: string;
  readonly found: FileStatus;
  /** Of a symbolic link. */
  readonly destination: string;
}

/** Copies these entries. Directories are made, but not filled; returns their names. */
export function copyEntries(pair: DirectoryPair, names: readonly string[]): string[] {
  const directories: string[] = [];
  for (let at = 0; at < names.length; at += AT_ONCE) {
    const entries = look(pair, names.slice(at, at + AT_ONCE));
    const atOnce = entries.filter((entry) => !isLarge(entry));
    const copies = atOnce.map((entry) => copyEntry(pair, entry));
    pair.context.proxy.ask(copies.flat());
    for (const [index, entry] of atOnce.entries()) {
      const copy = copies[index] ?? [];
      checkNode(copy);
      if (isCutShort(entry, copy)) copyAgain(pair, entry);
      if (entry.found.type === S_IFDIR) directories.push(entry.name);
    }
    for (const entry of entries) if (isLarge(entry)) copyFile(pair, entry);
  }
  return directories;
}

function look({ context, source, attempt }: DirectoryPair, names: readonly string[]): Entry[] {
  const statuses = names.map((name) => statx(source, name, AT_SYMLINK_NOFOLLOW, attempt));
  context.proxy.ask(statuses);
  const entries = names.map((name, index) => {
    const found = parseStatx(statuses[index]?.out.bytes ?? new Uint8Array(STATX_SIZE));
    return { name, found };
  });
  const links = entries.filter(({ found }) => found.type === S_IFLNK).map(({ name }) => name);
  const destinations = readLinks({ context, source, attempt }, links);
  return entries.map((entry) => ({ ...entry, destination: destinations.get(entry.name) ?? "" }));
}

function readLinks(
  pair: Omit<DirectoryPair, "target">,
  names: readonly string[],
): ReadonlyMap<string, string> {
  const destinations = new Map<string, string>();
  const read = (some: readonly string[], size: number): string[] => {
    const links = some.map((name) => readlinkat(pair.source, name, pair.attempt, size));
    if (links.length > 0) pair.context.proxy.ask(links);
    return some.filter((name, index) => {
      const link = links[index] as Reading;
      destinations.set(name, text(link.out.bytes.subarray(0, link.result)));
      return link.result === size;
    });
  };
  const cut = read(names, LINK_SIZE);
  for (let at = 0; at < cut.length; at += LONG_LINKS_AT_ONCE) {
    const [endless] = read(cut.slice(at, at + LONG_LINKS_AT_ONCE), LONGEST_LINK);
    if (endless === undefined) continue;
    const link = readlinkat(pair.source, endless, pair.attempt, LONGEST_LINK);
    throw operationError({ ...link, result: -ENAMETOOLONG });
  }
  return destinations;
}

function isLarge({ found }: Entry): boolean {
  if (found.type !== S_IFREG || found.size <= SMALL_FILE) return false;
  return found.size > LARGE_FILE || found.blocks * BLOCK < found.size;
}

function copyEntry({ source, target, attempt }: DirectoryPair, entry: Entry): Operation[] {
  const { name, found, destination } = entry;
  switch (found.type) {
    case S_IFDIR: {
      const made = mkdirat(target, name, found.mode & 0o777, attempt);
      const opened = openat(target, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, attempt);
      return [made, opened, ...owned(opened, found, attempt), close(opened)];
    }
    case S_IFREG: {
      const [input, output] = openFiles({ source, target, attempt }, name);
      const sent = operation("sendfile", [output, input, NULL, MOST_SENT], attempt);
      return [input, output, sent, ...owned(output, found, attempt), close(input), close(output)];
    }
    case S_IFLNK:
      return [symlinkat(destination, target, name, attempt), fchownat(target, name, found, attempt)];
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO: {
      const node = { mode: found.type | found.mode, major: found.nodeMajor, minor: found.nodeMinor };
      return [orGoOn(mknodat(target, name, node, attempt)), orGoOn(fchownat(target, name, found, attempt))];
    }
    default:
      // A socket is of no use without the process that listens on it.
      return [];
  }
}

/** sendfile(2) may stop before the end; the file is then copied again, as a large one. */
function isCutShort({ found }: Entry, copy: readonly Operation[]): boolean {
  return copy.some(({ call, result = 0 }) => call === "sendfile" && result < found.size);
}

function copyAgain(pair: DirectoryPair, entry: Entry): void {
  pair.context.proxy.ask([unlinkat(pair.target, entry.name, 0, pair.attempt)]);
  copyFile(pair, entry);
}

/** In a user namespace device nodes cannot be made; the rest of the tree is copied without them. */
function checkNode([made]: readonly Operation[]): void {
  if (made?.call !== "mknodat" || made.result === 0 || made.result === -EPERM) return;
  throw operationError(made);
}
