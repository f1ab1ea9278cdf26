// ttrpc on the wire (containerd/ttrpc, PROTOCOL.md): a header of ten bytes, and a message. Pure.
//
//   length of the message, 4 bytes, big-endian | stream, 4 bytes, big-endian | type, 1 | flags, 1

import { joinBytes, viewOf } from "../../linux/call/words.ts";
import type { Message } from "../../protobuf/protobuf.ts";
import { ANY } from "../messages/well-known.ts";

const HEADER_SIZE = 10;
/** The longest message that either side takes, bytes. */
export const LONGEST_MESSAGE = 4 << 20;

export const TYPE_REQUEST = 1;
export const TYPE_RESPONSE = 2;

export interface Frame {
  readonly stream: number;
  readonly type: number;
  /** `undefined` if the message was longer than allowed, and was skipped. */
  readonly message: Uint8Array | undefined;
}

/** Without `metadata`, number 5, which nobody asks for here. */
export const REQUEST = {
  service: { number: 1, type: "string" },
  method: { number: 2, type: "string" },
  payload: { number: 3, type: "bytes" },
  timeoutNano: { number: 4, type: "int" },
} as const satisfies Message;

/** google.rpc.Status */
const STATUS = {
  code: { number: 1, type: "int" },
  message: { number: 2, type: "string" },
  details: { number: 3, type: ANY, repeated: true },
} as const satisfies Message;

export const RESPONSE = {
  status: { number: 1, type: STATUS },
  payload: { number: 2, type: "bytes" },
} as const satisfies Message;

/** The bytes of a frame. */
export function encodeFrame(stream: number, type: number, message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE + message.length);
  const view = viewOf(bytes);
  view.setUint32(0, message.length);
  view.setUint32(4, stream);
  bytes[8] = type;
  bytes.set(message, HEADER_SIZE);
  return bytes;
}

/** Assembles frames from pieces of any size. */
export class FrameReader {
  #held: Uint8Array = new Uint8Array(0);
  /** How many bytes of a message that is too long are still to be skipped. */
  #passOver = 0;

  push(bytes: Uint8Array): void {
    const skipped = Math.min(this.#passOver, bytes.length);
    this.#passOver -= skipped;
    const rest = bytes.subarray(skipped);
    this.#held = this.#held.length === 0 ? rest : joinBytes([this.#held, rest]);
  }

  /** The next complete frame, if there is one. */
  next(): Frame | undefined {
    if (this.#held.length < HEADER_SIZE) return undefined;
    const view = viewOf(this.#held);
    const length = view.getUint32(0);
    const stream = view.getUint32(4);
    const type = view.getUint8(8);
    if (length > LONGEST_MESSAGE) {
      const here = Math.min(length, this.#held.length - HEADER_SIZE);
      this.#held = this.#held.slice(HEADER_SIZE + here);
      this.#passOver = length - here;
      return { stream, type, message: undefined };
    }
    const end = HEADER_SIZE + length;
    if (this.#held.length < end) return undefined;
    const message = this.#held.slice(HEADER_SIZE, end);
    this.#held = this.#held.slice(end);
    return { stream, type, message };
  }
}
