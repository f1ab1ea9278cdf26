// Copies a large file, or one with holes: only its data, whatever size the file claims to have, and with no
// more calls at once than a message holds. Called by copy-entries.ts.

import type { Word } from "../../linux/call/words.ts";
import type { FileStatus } from "../../linux/files/statx.ts";
import { EINVAL, EIO, ENXIO } from "../../linux/numbers/errno.ts";
import { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } from "../../linux/numbers/fcntl.ts";
import { type Fd, NULL, shown } from "../../proxy/calls/arguments.ts";
import { close, fchmod, fchown, openat } from "../../proxy/calls/calls.ts";
import { type Operation, operation, operationError } from "../../proxy/calls/operation.ts";
import type { RootContext } from "../place/context.ts";

/** The most that sendfile(2) moves in one call. */
export const MOST_SENT = 0x7ffff000;
/** How many pieces of data are looked for at once, and how many calls at once move a longer piece. */
const PIECES_AT_ONCE = 48;
const CALLS_AT_ONCE = 16;
/** The largest error of a number that stands for an offset of more than 53 bits. */
const ROUNDED = 1024;

/** lseek(2) */
const SEEK_SET = shown(0, "SEEK_SET");
const SEEK_END = shown(2, "SEEK_END");
const SEEK_DATA = shown(3, "SEEK_DATA");
const SEEK_HOLE = shown(4, "SEEK_HOLE");

export interface Directories {
  readonly source: number;
  readonly target: number;
  readonly attempt: string;
}

export interface Named {
  readonly name: string;
  readonly found: FileStatus;
}

/** Opens a file, and makes its copy. */
export function openFiles(
  { source, target, attempt }: Directories,
  name: string,
): [input: Operation, output: Operation] {
  return [
    // Without O_NONBLOCK, a FIFO that has taken the file's place would block.
    openat(source, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, attempt),
    openat(target, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, attempt, 0o600),
  ];
}

/** The owner first: fchown(2) clears the set-user-ID bits that fchmod(2) sets. */
export function owned(opened: Operation, found: FileStatus, attempt: string): Operation[] {
  return [fchown(opened, found, attempt), fchmod(opened, found.mode, attempt)];
}

/** Data between two holes. */
interface Piece {
  readonly from: number;
  readonly to: number;
}

interface Files {
  readonly context: RootContext;
  readonly input: Operation;
  readonly output: Operation;
  readonly attempt: string;
}

export function copyFile(
  place: Directories & { readonly context: RootContext },
  { name, found }: Named,
): void {
  const { context, attempt } = place;
  const [input, output] = openFiles(place, name);
  const files = { context, input, output, attempt };
  const end = operation("lseek", [input, 0, SEEK_END], attempt);
  // The copy becomes as long as the file, all of it a hole.
  context.proxy.ask([input, output, end, operation("ftruncate", [output, end], attempt)]);
  for (let position = 0; ; ) {
    const pieces = findPieces(files, position);
    sendPieces(files, pieces);
    const last = pieces.at(-1);
    if (last === undefined || pieces.length < PIECES_AT_ONCE) break;
    if (last.to <= position) throw operationError({ ...end, result: -EIO });
    position = last.to;
  }
  context.proxy.ask([...owned(output, found, attempt), close(input), close(output)]);
}

/** Finds the next pieces of data. Each call starts from the result of the one before. */
function findPieces({ context, input, attempt }: Files, position: number): Piece[] {
  const looks: Operation[] = [];
  let from: Operation | Word = offset(position);
  for (let index = 0; index < PIECES_AT_ONCE; index++) {
    const data = operation("lseek", [input, from, SEEK_DATA], attempt);
    const hole = operation("lseek", [input, data, SEEK_HOLE], attempt);
    looks.push(data, hole);
    from = hole;
  }
  const failed = context.proxy.attempt(looks);
  // The file system does not support holes.
  if (failed === looks[0] && failed?.result === -EINVAL) return [{ from: position, to: Number.MAX_VALUE }];
  // Only a hole follows.
  if (failed !== undefined && failed.result !== -ENXIO) throw operationError(failed);
  const pieces: Piece[] = [];
  for (let index = 0; index + 1 < looks.length; index += 2) {
    const [start = -1, end = -1] = [looks[index]?.result, looks[index + 1]?.result];
    if (start < 0 || end < 0) break;
    pieces.push({ from: start, to: Number.isSafeInteger(end) ? end : end + ROUNDED });
  }
  return pieces;
}

/** Moves pieces of data, most of them by one call each. */
function sendPieces(files: Files, pieces: readonly Piece[]): void {
  const { context } = files;
  const short = pieces.filter(({ from, to }) => to - from <= MOST_SENT);
  const sent = short.map(({ from, to }) => send(files, to - from));
  context.proxy.ask(short.flatMap(({ from }, index) => [...goTo(files, from), sent[index] as Operation]));
  for (const piece of pieces) {
    const index = short.indexOf(piece);
    const done = index < 0 ? 0 : (sent[index]?.result ?? 0);
    // A call that moved nothing has found the end of a file that became shorter.
    if (index < 0 || (done > 0 && piece.from + done < piece.to)) {
      sendRest(files, { from: piece.from + done, to: piece.to });
    }
  }
}

/** Moves data until it is all there, or sendfile(2) says that there is no more. */
function sendRest(files: Files, { from, to }: Piece): void {
  const { context } = files;
  context.proxy.ask(goTo(files, from));
  for (let at = from; at < to; ) {
    const calls: Operation[] = [];
    for (let next = at; next < to && calls.length < CALLS_AT_ONCE; next += MOST_SENT) {
      calls.push(send(files, Math.min(to - next, MOST_SENT)));
    }
    context.proxy.ask(calls);
    for (const { result = 0 } of calls) at += result;
    if (calls.some(({ result }) => result === 0)) return;
  }
}

function goTo({ input, output, attempt }: Files, position: number): Operation[] {
  const seek = (of: Fd): Operation => operation("lseek", [of, offset(position), SEEK_SET], attempt);
  return [seek(input), seek(output)];
}

function send({ input, output, attempt }: Files, size: number): Operation {
  return operation("sendfile", [output, input, NULL, size], attempt);
}

/** Data begins at a multiple of the block size, so this number is exact even where most others are not. */
function offset(position: number): Word {
  return Number.isSafeInteger(position) ? position : BigInt(position);
}
