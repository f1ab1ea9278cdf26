// `tmpcopyup`: a tmpfs that begins with what it covers. Copies a directory tree of the container's root into
// a new tmpfs, by descriptors on both sides, as the container's first process: owners are those it sees, and
// a hostile image can lead nowhere. Called by mount-filesystem.ts.

import { ENAMETOOLONG, EPERM } from "../linux/errno.ts";
import {
  AT_SYMLINK_NOFOLLOW,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFREG,
} from "../linux/fcntl.ts";
import { type FileStatus, parseStatx, STATX_SIZE } from "../linux/statx.ts";
import { text, viewOf } from "../linux/words.ts";
import { NULL, out } from "../proxy/arguments.ts";
import {
  close,
  fchmod,
  fchown,
  fchownat,
  mkdirat,
  mknodat,
  openat,
  readlinkat,
  statx,
  symlinkat,
} from "../proxy/calls.ts";
import { type Operation, operation, orGoOn, resultOf } from "../proxy/operation.ts";
import type { RootContext } from "./context.ts";
import { operationFailure } from "./failure.ts";
import { openPlain } from "./open.ts";

/** Bytes of directory entries asked for at once; two of these and the results fit one message. */
const ENTRIES_SIZE = 0x8000;
/** Entries that are handled in one batch. */
const AT_ONCE = 48;
const LINK_SIZE = 1024;
/** The most that sendfile(2) moves in one call. */
const MOST_SENT = 0x7ffff000;

export interface CopyUp {
  readonly from: number;
  readonly to: number;
  readonly attempt: string;
}

/** Copies all that is below `from` into the empty directory `to`. */
export function copyUp(context: RootContext, copy: CopyUp): void {
  const directories = ["."];
  for (let path = directories.pop(); path !== undefined; path = directories.pop()) {
    for (const name of copyDirectory(context, copy, path)) directories.push(`${path}/${name}`);
  }
}

/** Copies one directory's entries; returns those that are directories themselves. */
function copyDirectory(context: RootContext, { from, to, attempt }: CopyUp, path: string): string[] {
  const run = (operations: readonly Operation[]) => {
    const failed = context.attempt(operations);
    if (failed !== undefined) throw operationFailure(failed);
  };
  const how = O_RDONLY | O_DIRECTORY;
  const source = openPlain(context, { directory: from, path, how }, attempt);
  const target = openPlain(context, { directory: to, path, how }, attempt);
  run([...source.operations, ...target.operations]);
  const place = { source: resultOf(source.descriptor), target: resultOf(target.descriptor), attempt };
  const directories: string[] = [];
  for (;;) {
    const memory = out(ENTRIES_SIZE);
    const list = operation("getdents64", [place.source, memory, ENTRIES_SIZE], attempt);
    run([list]);
    if (list.result === 0) break;
    const names = entryNames(memory.bytes.subarray(0, list.result));
    for (let at = 0; at < names.length; at += AT_ONCE) {
      const entries = look(place, { names: names.slice(at, at + AT_ONCE), run });
      directories.push(...entries.filter(({ found }) => found.type === S_IFDIR).map(({ name }) => name));
      const copies = entries.map((entry) => copyEntry(place, entry));
      run(copies.flat());
      for (const entry of copies) checkNode(entry);
    }
  }
  context.addToNext([close(place.source), close(place.target)]);
  return directories;
}

interface Place {
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

interface Look {
  readonly names: readonly string[];
  readonly run: (operations: readonly Operation[]) => void;
}

function look({ source, attempt }: Place, { names, run }: Look): Entry[] {
  const statuses = names.map((name) => statx(source, name, AT_SYMLINK_NOFOLLOW, attempt));
  run(statuses);
  const entries = names.map((name, index) => {
    const found = parseStatx(statuses[index]?.out.bytes ?? new Uint8Array(STATX_SIZE));
    const link = found.type === S_IFLNK ? readlinkat(source, name, attempt, LINK_SIZE) : undefined;
    return { name, found, link };
  });
  const links = entries.map(({ link }) => link).filter((link) => link !== undefined);
  if (links.length > 0) run(links);
  const cut = links.find((link) => link.result === LINK_SIZE);
  if (cut !== undefined) throw operationFailure({ ...cut, result: -ENAMETOOLONG });
  return entries.map(({ name, found, link }) => ({
    name,
    found,
    destination: link === undefined ? "" : text(link.out.bytes.subarray(0, link.result)),
  }));
}

function copyEntry({ source, target, attempt }: Place, { name, found, destination }: Entry): Operation[] {
  switch (found.type) {
    case S_IFDIR: {
      const made = mkdirat(target, name, found.mode & 0o777, attempt);
      const opened = openat(target, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, attempt);
      return [made, opened, ...owned(opened, { found, attempt }), close(opened)];
    }
    case S_IFREG: {
      // Without O_NONBLOCK, a FIFO that has taken the file's place would hold us up.
      const input = openat(source, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, attempt);
      const output = openat(target, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, attempt, 0o600);
      const sent: Operation[] = [];
      for (let size = 0; size < found.size; size += MOST_SENT) {
        const args = [output, input, NULL, MOST_SENT];
        sent.push(operation("sendfile", args, attempt));
      }
      return [input, output, ...sent, ...owned(output, { found, attempt }), close(input), close(output)];
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

/** A user namespace may not make device nodes; the rest of the tree is worth having without. */
function checkNode([made]: readonly Operation[]): void {
  if (made?.call !== "mknodat" || made.result === 0 || made.result === -EPERM) return;
  throw operationFailure(made);
}

/** The owner first: fchown(2) clears the set-user-ID bits that fchmod(2) sets. */
function owned(opened: Operation, { found, attempt }: { found: FileStatus; attempt: string }): Operation[] {
  return [fchown(opened, found, attempt), fchmod(opened, found.mode, attempt)];
}

/** The names in what getdents64(2) fills in, without `.` and `..`. */
export function entryNames(entries: Uint8Array): string[] {
  const view = viewOf(entries);
  const names: string[] = [];
  for (let offset = 0; offset < entries.length; offset += view.getUint16(offset + 16, true)) {
    const start = offset + 19;
    const name = text(entries.subarray(start, entries.indexOf(0, start)));
    if (name !== "." && name !== "..") names.push(name);
  }
  return names;
}
