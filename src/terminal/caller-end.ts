// The caller's standard input and output at the end of a terminal's relay, read and written without waiting.
// poll(2) says when there is room, not how much: a write of more would wait for the reader, and so would
// everything else that tsrun attends to. Called by relay.ts. pipe(7), F_SETPIPE_SZ of fcntl(2).

import { tryCall } from "../linux/call/call.ts";
import { Descriptor, status } from "../linux/files/files.ts";
import {
  AT_FDCWD,
  O_CLOEXEC,
  O_NOCTTY,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  PIPE_BUF,
  S_IFCHR,
  S_IFIFO,
  S_IFSOCK,
} from "../linux/numbers/fcntl.ts";
import { MSG_DONTWAIT, MSG_NOSIGNAL } from "../linux/numbers/socket-numbers.ts";

const F_SETPIPE_SZ = 1031;
const F_GETPIPE_SZ = 1032;

/** One of the caller's descriptors, and how to reach the same file without waiting. */
export class CallerEnd implements Disposable {
  readonly #given: number;
  readonly #type: number | undefined;
  /** Opened anew: O_NONBLOCK on the caller's own would hold for every process that has it open. */
  readonly #own: Descriptor | undefined;

  private constructor(given: number, type: number | undefined, own: Descriptor | undefined) {
    this.#given = given;
    this.#type = type;
    this.#own = own;
  }

  /** Only a terminal is opened anew: a pipe would then no longer report its end (fifo(7)). */
  static input(): CallerEnd {
    const type = status("", { at: 0, itself: true })?.type;
    return new CallerEnd(0, type, type === S_IFCHR ? openAnew(0, O_RDONLY) : undefined);
  }

  /** Only a pipe or a terminal can be opened anew: a file would be written from its beginning. */
  static output(): CallerEnd {
    const type = status("", { at: 1, itself: true })?.type;
    const waits = type === S_IFIFO || type === S_IFCHR;
    return new CallerEnd(1, type, waits ? openAnew(1, O_WRONLY) : undefined);
  }

  get number(): number {
    return this.#own?.number ?? this.#given;
  }

  /** write(2), to be called when poll(2) has found room. */
  write(bytes: Uint8Array): number {
    const { number } = this;
    if (this.#type === S_IFSOCK) {
      return tryCall("sendto", number, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
    }
    const isBounded = this.#own === undefined && (this.#type === S_IFIFO || this.#type === S_IFCHR);
    return tryCall("write", number, bytes, isBounded ? Math.min(bytes.length, PIPE_BUF) : bytes.length);
  }

  /** Makes a pipe larger by this many bytes, so that they need not wait for its reader. False if it fails. */
  makeRoom(bytes: number): boolean {
    if (this.#type !== S_IFIFO) return false;
    const size = tryCall("fcntl", this.number, F_GETPIPE_SZ, 0);
    return size > 0 && tryCall("fcntl", this.number, F_SETPIPE_SZ, size + bytes) >= size + bytes;
  }

  [Symbol.dispose](): void {
    this.#own?.close();
  }
}

/** `undefined` without /proc, or if only another user may open it. */
function openAnew(given: number, access: number): Descriptor | undefined {
  const flags = access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  const opened = tryCall("openat", AT_FDCWD, `/proc/self/fd/${given}`, flags, 0);
  return opened < 0 ? undefined : new Descriptor(opened);
}
