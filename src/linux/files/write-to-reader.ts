// Writing to a pipe, a socket or a terminal whose reader may not read: what is told must not keep a command
// from ending. Called by the command line, for stderr and the log.

import { mustCall } from "../call/call.ts";
import { utf8 } from "../call/words.ts";
import { POLLOUT } from "../numbers/sched.ts";
import { poll } from "./poll.ts";

/** PIPE_BUF of <linux/limits.h>: a pipe that poll(2) calls writable takes as much at once (pipe(7)). */
const AT_ONCE = 4096;
/** How long the reader may let a piece wait, milliseconds. */
const PATIENCE_MS = 5_000;

/** Descriptors whose reader has not read: they are not waited for again. */
const silent: Set<number> = new Set();

/**
 * Writes all of `data`, or as much as the reader takes before it lets a piece wait too long. The descriptor
 * stays in the mode it is in: it is shared with others, whom O_NONBLOCK would surprise.
 * @param whole with one call: what is written is a datagram
 */
export function writeToReader(fd: number, data: string, what: string, { whole = false } = {}): void {
  let rest = utf8(data);
  while (rest.length > 0) {
    if (silent.has(fd)) return;
    const [ready = 0] = poll([{ fd, events: POLLOUT }], PATIENCE_MS);
    if (ready === 0) {
      silent.add(fd);
      return;
    }
    const piece = whole ? rest : rest.subarray(0, AT_ONCE);
    rest = rest.subarray(mustCall(`write ${what}`, "write", fd, piece, piece.length));
  }
}
