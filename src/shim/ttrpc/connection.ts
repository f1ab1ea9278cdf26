// A connection that speaks ttrpc, in both directions. Nothing blocks: bytes that the socket does not take are
// kept until it does. Of the frames that arrive at once, each is handled in a turn of the loop of its own:
// a hundred requests in one turn would hold up the events, of which one goes to containerd in each turn.

import { tryCall } from "../../linux/call/call.ts";
import type { Descriptor } from "../../linux/files/files.ts";
import { EAGAIN } from "../../linux/numbers/errno.ts";
import { MSG_DONTWAIT, MSG_NOSIGNAL } from "../../linux/numbers/socket-numbers.ts";
import { EPOLLIN, EPOLLOUT, type Loop, type Watch } from "../loop/loop.ts";
import { encodeFrame, type Frame, FrameReader } from "./frame.ts";

/** How many bytes are read from the socket at once. */
const CHUNK = 64 << 10;
/** How many bytes may wait for a peer that does not read, before the connection is closed. */
const MOST_KEPT = 32 << 20;

export interface Peer {
  readonly frame: (frame: Frame) => void;
  /** Called once, when the connection has ended. */
  readonly closed: () => void;
}

export class Connection {
  readonly #loop: Loop;
  readonly #socket: Descriptor;
  readonly #watch: Watch;
  readonly #peer: Peer;
  readonly #reader = new FrameReader();
  readonly #kept: Uint8Array[] = [];
  #keptBytes = 0;
  /** The next frame, which waits for its turn; nothing is read meanwhile. */
  #next: Frame | undefined;
  #closed = false;

  constructor(loop: Loop, socket: Descriptor, peer: Peer) {
    this.#loop = loop;
    this.#socket = socket;
    this.#peer = peer;
    this.#watch = loop.watch(socket.number, EPOLLIN, (events) => {
      if ((events & EPOLLOUT) !== 0) this.#flush();
      // epoll reports a hang-up even if it was not asked for.
      if ((events & ~EPOLLOUT) !== 0 && this.#next === undefined) this.#receive();
    });
  }

  /** Whether the socket has taken everything that was sent. */
  get isFlushed(): boolean {
    return this.#kept.length === 0;
  }

  send(stream: number, type: number, message: Uint8Array): void {
    if (this.#closed) return;
    const frame = encodeFrame(stream, type, message);
    this.#kept.push(frame);
    this.#keptBytes += frame.length;
    // If other frames are waiting, it is sent after them.
    if (this.#kept.length === 1) this.#flush();
    if (this.#keptBytes > MOST_KEPT) this.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watch.stop();
    this.#socket.close();
    this.#peer.closed();
  }

  #flush(): void {
    for (let next = this.#kept[0]; next !== undefined; next = this.#kept[0]) {
      const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
      const sent = tryCall("sendto", this.#socket.number, next, next.length, flags, 0, 0);
      if (sent === -EAGAIN) break;
      if (sent < 0) {
        this.close();
        return;
      }
      this.#keptBytes -= sent;
      if (sent < next.length) this.#kept[0] = next.subarray(sent);
      else this.#kept.shift();
    }
    this.#await();
  }

  #await(): void {
    this.#watch.change((this.#next === undefined ? EPOLLIN : 0) | (this.#kept.length > 0 ? EPOLLOUT : 0));
  }

  #receive(): void {
    const buffer = new Uint8Array(CHUNK);
    const got = tryCall("read", this.#socket.number, buffer, buffer.length);
    if (got === -EAGAIN) return;
    if (got <= 0) {
      this.close();
      return;
    }
    this.#reader.push(got < CHUNK / 4 ? buffer.slice(0, got) : buffer.subarray(0, got));
    const frame = this.#reader.next();
    if (frame !== undefined) this.#handle(frame);
  }

  #handle(frame: Frame): void {
    this.#next = this.#reader.next();
    if (this.#next !== undefined) this.#loop.after(0, () => this.#handleNext());
    this.#peer.frame(frame);
    if (!this.#closed) this.#await();
  }

  #handleNext(): void {
    if (this.#next !== undefined && !this.#closed) this.#handle(this.#next);
  }
}
