// `tmpcopyup`: a tmpfs that begins with what it covers. The container's first process copies a directory tree
// of the root into a new tmpfs, by descriptors on both sides: owners are those that it sees, and a hostile
// image cannot lead it elsewhere. tsrun's use of memory does not grow with the tree. Called by
// mount-filesystem.ts.

import { text, viewOf } from "../../linux/call/words.ts";
import { ENAMETOOLONG } from "../../linux/numbers/errno.ts";
import { O_DIRECTORY, O_RDONLY } from "../../linux/numbers/fcntl.ts";
import { out, shown } from "../../proxy/calls/arguments.ts";
import { close } from "../../proxy/calls/calls.ts";
import { type Operation, operation, operationError, resultOf } from "../../proxy/calls/operation.ts";
import type { RootContext } from "../place/context.ts";
import { openPlain } from "../place/open.ts";
import { copyEntries, type DirectoryPair } from "./copy-entries.ts";

/** Bytes of directory entries asked for at once. */
const ENTRIES_SIZE = 0x8000;
/** When so many directories of one have been found, they are copied before more of it is read. */
const MOST_WAITING = 1024;
/** How many names of up to 255 bytes make a path that the kernel takes (PATH_MAX). */
const NAMES_A_PATH = 15;
/** Deeper than any path that the kernel takes. */
const MOST_DEEP = 2048;

const SEEK_SET = 0;

export interface CopyUp {
  readonly from: number;
  readonly to: number;
  readonly attempt: string;
}

/** A directory that is being copied. */
interface Level {
  /** The directories found in it that are still to be copied. */
  readonly waiting: string[];
  /** Where to read on; `undefined` at the end. */
  next: bigint | undefined;
}

/** Copies all that is below `from` into the empty directory `to`. */
export function copyUp(context: RootContext, copy: CopyUp): void {
  const levels: Level[] = [{ waiting: [], next: 0n }];
  /** The names of the directories on the way to the last level. */
  const way: string[] = [];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const name = level.waiting.pop();
    if (name !== undefined) {
      way.push(name);
      levels.push({ waiting: [], next: 0n });
    } else if (level.next !== undefined) copySome(context, copy, { way, level });
    else {
      way.pop();
      levels.pop();
    }
  }
}

/** Copies entries of one directory, up to its end or until enough directories are waiting. */
function copySome(
  context: RootContext,
  { from, to, attempt }: CopyUp,
  { way, level }: { readonly way: readonly string[]; readonly level: Level },
): void {
  const pair: DirectoryPair = {
    context,
    source: openDirectory(context, { directory: from, way, attempt }),
    target: openDirectory(context, { directory: to, way, attempt }),
    attempt,
  };
  const where = shown(level.next ?? 0n, `${level.next}`);
  const seek = operation("lseek", [pair.source, where, shown(SEEK_SET, "SEEK_SET")], attempt);
  const isBegun = level.next !== 0n;
  while (level.waiting.length < MOST_WAITING) {
    const memory = out(ENTRIES_SIZE);
    const list = operation("getdents64", [pair.source, memory, ENTRIES_SIZE], attempt);
    context.proxy.ask(isBegun && seek.result === undefined ? [seek, list] : [list]);
    const { names, next } = readEntries(memory.bytes.subarray(0, list.result));
    level.next = next;
    if (next === undefined) break;
    for (const name of copyEntries(pair, names)) level.waiting.push(name);
  }
  context.proxy.say([close(pair.source), close(pair.target)]);
}

interface Way {
  readonly directory: number;
  readonly way: readonly string[];
  readonly attempt: string;
}

/** Opens a directory at any depth, in several parts, since the kernel limits the length of a path. */
function openDirectory(context: RootContext, { directory, way, attempt }: Way): number {
  const operations: Operation[] = [];
  let opened: Operation | undefined;
  for (let at = 0; at === 0 || at < way.length; at += NAMES_A_PATH) {
    const path = ["."].concat(way.slice(at, at + NAMES_A_PATH)).join("/");
    const place = { directory: opened ?? directory, path, how: O_RDONLY | O_DIRECTORY };
    const opening = openPlain(context, place, attempt);
    operations.push(...opening.operations);
    if (opened !== undefined) operations.push(close(opened));
    opened = opening.descriptor;
  }
  if (opened === undefined) throw new Error("nothing to open");
  if (way.length > MOST_DEEP) throw operationError({ ...opened, result: -ENAMETOOLONG });
  context.proxy.ask(operations);
  return resultOf(opened);
}

/** What getdents64(2) fills in: the names without `.` and `..`, and where the next ones are, if any are. */
function readEntries(entries: Uint8Array): { names: string[]; next: bigint | undefined } {
  const view = viewOf(entries);
  const names: string[] = [];
  let last = -1;
  for (let offset = 0; offset < entries.length; offset += view.getUint16(offset + 16, true)) {
    last = offset;
    const start = offset + 19;
    const name = text(entries.subarray(start, entries.indexOf(0, start)));
    if (name !== "." && name !== "..") names.push(name);
  }
  return { names, next: last < 0 ? undefined : view.getBigInt64(last + 8, true) };
}
