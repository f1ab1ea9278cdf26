// A connection that speaks ttrpc, in both directions. Nothing blocks: bytes that the socket does not take are
// kept until it does.

import { tryCall } from "../../linux/call/call.ts";
import type { Descriptor } from "../../linux/files/files.ts";
import { EAGAIN } from "../../linux/numbers/errno.ts";
import { EPOLLIN, EPOLLOUT, type Loop, type Watch } from "../loop/loop.ts";
import { encodeFrame, type Frame, FrameReader } from "./frame.ts";

/** How many bytes are read from the socket at once. */
const CHUNK = 64 << 10;
/** How many bytes may wait for a peer that does not read, before the connection is closed. */
const MOST_KEPT = 32 << 20;
/** Flags of send(2) and recv(2): do not block, and raise no signal if the peer has gone. */
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

export interface Peer {
  readonly frame: (frame: Frame) => void;
  /** Called once, when the connection has ended. */
  readonly closed: () => void;
}

export class Connection {
  readonly #socket: Descriptor;
  readonly #watch: Watch;
  readonly #peer: Peer;
  readonly #reader = new FrameReader();
  readonly #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #closed = false;

  constructor(loop: Loop, socket: Descriptor, peer: Peer) {
    this.#socket = socket;
    this.#peer = peer;
    this.#watch = loop.watch(socket.number, EPOLLIN, (events) => {
      if ((events & EPOLLOUT) !== 0) this.#flush();
      if ((events & ~EPOLLOUT) !== 0) this.#receive();
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
    this.#watch.change(this.#kept.length > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
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
    for (let frame = this.#reader.next(); frame !== undefined && !this.#closed; frame = this.#reader.next()) {
      this.#peer.frame(frame);
    }
  }
}
