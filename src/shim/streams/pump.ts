// Passes bytes from one descriptor to another, without blocking on either. From a pipe to a FIFO they go by
// splice(2) and not through the engine; a terminal and a file need read(2) and write(2).

import { hasErrno, tryCall } from "../../linux/call/call.ts";
import type { Descriptor } from "../../linux/files/files.ts";
import { EAGAIN, EINVAL, EIO } from "../../linux/numbers/errno.ts";
import { EPOLLET, EPOLLIN, EPOLLOUT, type Loop, type Watch } from "../loop/loop.ts";
import { Once } from "../loop/routine.ts";

/** SPLICE_F_MOVE and SPLICE_F_NONBLOCK of <linux/splice.h> */
const SPLICE_FLAGS = 1 | 2;
/** How many bytes one call passes on. A FIFO holds 64 KiB. */
const AT_ONCE = 64 << 10;
/** At most this many calls are made before other handlers get their turn. */
const TURNS = 16;

/**
 * How bytes are passed on. `copy` if one end cannot be spliced; a `file` takes everything at once, unless it
 * is a terminal.
 */
export type CopyMode = "splice" | "copy" | "file";

/** How far a pump has come. */
type Step = "moved" | "source empty" | "source hung up" | "sink full" | "ended";

export interface PumpEnds {
  readonly from: Descriptor;
  readonly to: Descriptor;
  /** Keeps a FIFO readable while its other readers are away; closed together with `to`. */
  readonly keeper?: Descriptor | undefined;
  /**
   * Which end is the master of a terminal. It hangs up whenever no process has the terminal open, and is back
   * when one opens it again: a container's init may open its console for each line. A hang-up is the end once
   * `finish` has been called.
   */
  readonly terminal?: "from" | "to";
}

export class Pump {
  readonly #ends: PumpEnds;
  /** Cleared at the end, because they refer to this object. */
  #source: Watch | undefined;
  #sink: Watch | undefined;
  #mode: CopyMode;
  /** Bytes that have been read and not yet written. */
  #held: Uint8Array = new Uint8Array(0);
  #buffer: Uint8Array | undefined;
  #isFinal = false;
  /** Happens when the source has ended and everything has been passed on, or when the sink is gone. */
  readonly ended: Once<void> = new Once();

  constructor(loop: Loop, ends: PumpEnds, mode: CopyMode) {
    this.#ends = ends;
    this.#mode = mode;
    try {
      this.#source = loop.watch(ends.from.number, EPOLLIN, () => this.#pass());
      this.#sink = loop.watch(ends.to.number, this.#hangUpOnce, (events) => this.#sinkTells(events));
    } catch (error) {
      // What takes everything at once cannot be watched.
      if (mode === "file" && hasErrno(error, "EPERM")) return;
      this.stop();
      throw error;
    }
  }

  /** No process that matters has the terminal open any more: when it hangs up, that is its end. */
  finish(): void {
    this.#isFinal = true;
    if (!this.ended.happened) this.#pass();
  }

  /** Ends it now. Bytes that have not been passed on are lost. */
  stop(): void {
    if (this.ended.happened) return;
    this.#source?.stop();
    this.#sink?.stop();
    this.#source = undefined;
    this.#sink = undefined;
    this.#ends.from.close();
    this.#ends.to.close();
    this.#ends.keeper?.close();
    this.#held = new Uint8Array(0);
    this.#buffer = undefined;
    this.ended.happen(undefined);
  }

  /** epoll reports a sink without readers as an error, even if no event was asked for. */
  #sinkTells(events: number): void {
    if ((events & EPOLLOUT) !== 0) this.#pass();
    else if (this.#mode === "file") this.#goOnWithout();
    else if (this.#ends.terminal !== "to" || this.#isFinal) this.stop();
  }

  /** A terminal in a file's place has hung up. The container's output is lost, but the container goes on. */
  #goOnWithout(): void {
    this.#sink?.stop();
    this.#sink = undefined;
    this.#pass();
  }

  #pass(): void {
    for (let turn = 0; turn < TURNS; turn++) {
      const moved = this.#mode === "splice" ? this.#splice() : this.#copy();
      if (moved === "ended") {
        this.stop();
        return;
      }
      if (moved !== "moved") {
        this.#await(moved);
        return;
      }
    }
    this.#await("source empty");
  }

  /** A source that has hung up is reported again only when something changes. */
  #await(what: "source empty" | "source hung up" | "sink full"): void {
    const hungUp = what === "source hung up" ? EPOLLET : 0;
    this.#source?.change(what === "sink full" ? 0 : EPOLLIN | hungUp);
    this.#sink?.change((what === "sink full" ? EPOLLOUT : 0) | this.#hangUpOnce);
  }

  /** Otherwise epoll would report a hang-up of the sink all the time. */
  get #hangUpOnce(): number {
    return this.#ends.terminal === "to" ? EPOLLET : 0;
  }

  /**
   * EAGAIN may come from either side. The source is asked first; only if it has something does the pump wait
   * for the sink.
   */
  #splice(): Step {
    const { from, to } = this.#ends;
    const moved = tryCall("splice", from.number, 0, to.number, 0, AT_ONCE, SPLICE_FLAGS);
    if (moved > 0) return "moved";
    if (moved === -EINVAL) {
      this.#mode = "copy";
      return "moved";
    }
    if (moved !== -EAGAIN) return "ended";
    return isReadable(from.number) ? "sink full" : "source empty";
  }

  #copy(): Step {
    const { from, to } = this.#ends;
    if (this.#held.length === 0) {
      this.#buffer ??= new Uint8Array(AT_ONCE);
      const got = tryCall("read", from.number, this.#buffer, this.#buffer.length);
      if (got === -EAGAIN) return "source empty";
      // The last process with the terminal open has closed it.
      if (got === -EIO && this.#ends.terminal === "from" && !this.#isFinal) return "source hung up";
      if (got <= 0) return "ended";
      this.#held = this.#buffer.subarray(0, got);
    }
    const written = tryCall("write", to.number, this.#held, this.#held.length);
    if (written === -EAGAIN) return "sink full";
    // For example, the disk is full. The container's output is lost, but the container goes on.
    this.#held = this.#held.subarray(
      written < 0 && this.#mode === "file" ? this.#held.length : Math.max(written, 0),
    );
    return written < 0 && this.#mode !== "file" ? "ended" : "moved";
  }
}

/** FIONREAD of asm-generic/ioctls.h: how many bytes can be read. */
const FIONREAD = 0x541b;

function isReadable(fd: number): boolean {
  const count = new Uint8Array(4);
  return tryCall("ioctl", fd, FIONREAD, count) === 0 && count.some((byte) => byte !== 0);
}
