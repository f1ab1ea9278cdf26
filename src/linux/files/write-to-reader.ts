// Writes to a pipe, a socket or a terminal whose reader may not read: a message must not keep a command from
// ending. Called by the command line, for stderr and the log.

import { hasErrno, mustCall } from "../call/call.ts";
import { utf8 } from "../call/words.ts";
import { PIPE_BUF } from "../numbers/fcntl.ts";
import { POLLOUT } from "../numbers/sched.ts";
import { poll } from "./poll.ts";

/** How long to wait for the reader to take a piece, in milliseconds. */
const PATIENCE_MS = 5_000;

/** Descriptors whose reader has not read; later writes to them do not wait. */
const silent: Set<number> = new Set();

/**
 * Writes all of `data`, or as much as the reader takes within the time limit. It does not set O_NONBLOCK,
 * since other processes share the open file and do not expect it.
 * @param whole write with one call, since the data is a datagram
 */
export function writeToReader(fd: number, data: string, what: string, { whole = false } = {}): void {
  let rest = utf8(data);
  while (rest.length > 0) {
    if (silent.has(fd)) return;
    if (!waitForReader(fd)) {
      silent.add(fd);
      return;
    }
    const piece = whole ? rest : rest.subarray(0, PIPE_BUF);
    rest = rest.subarray(mustCall(`write ${what}`, "write", fd, piece, piece.length));
  }
}

/** False if it does not read in time. */
function waitForReader(fd: number): boolean {
  try {
    return poll([{ fd, events: POLLOUT }], PATIENCE_MS)[0] !== 0;
  } catch (error) {
    // ppoll(2) takes no more descriptors than RLIMIT_NOFILE, which may be 0. Then write without waiting.
    if (hasErrno(error, "EINVAL")) return true;
    throw error;
  }
}
