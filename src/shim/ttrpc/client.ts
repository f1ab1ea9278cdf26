// Calls methods of a server, one at a time, and connects again when the server is gone.

import type { Descriptor } from "../../linux/files/files.ts";
import { connectUnix } from "../../linux/files/unix-sockets.ts";
import { SOCK_STREAM } from "../../linux/numbers/socket-numbers.ts";
import { decode, encode } from "../../protobuf/protobuf.ts";
import type { Loop } from "../loop/loop.ts";
import { Once, type Routine } from "../loop/routine.ts";
import { Connection } from "./connection.ts";
import { type Frame, REQUEST, RESPONSE, TYPE_REQUEST } from "./frame.ts";

/** How long an answer may take, milliseconds. */
const PATIENCE_MS = 5_000;

export class Client {
  readonly #loop: Loop;
  readonly #address: string;
  #connection: Connection | undefined;
  #answer: Once<Uint8Array | undefined> = new Once();
  /** A client numbers its streams 1, 3, 5 and so on. */
  #stream = -1;

  constructor(loop: Loop, address: string) {
    this.#loop = loop;
    this.#address = address.replace(/^unix:\/\//, "");
  }

  /** Returns whether the server answered without an error. */
  *call(service: string, method: string, payload: Uint8Array): Routine<boolean> {
    const connection = this.#connect();
    if (connection === undefined) return false;
    this.#stream += 2;
    this.#answer = new Once();
    const answer = this.#answer;
    const timer = this.#loop.after(PATIENCE_MS, () => answer.happen(undefined));
    const timeoutNano = PATIENCE_MS * 1e6;
    connection.send(this.#stream, TYPE_REQUEST, encode(REQUEST, { service, method, payload, timeoutNano }));
    const message = yield* answer.wait();
    timer.cancel();
    // An answer that comes late would be taken for the answer to the next call.
    if (message === undefined) this.close();
    return message !== undefined && succeeded(message);
  }

  close(): void {
    this.#connection?.close();
  }

  #connect(): Connection | undefined {
    if (this.#connection !== undefined) return this.#connection;
    // This does not wait. If the server does not accept the connection, the caller tries again later.
    const socket: Descriptor | number = connectUnix(this.#address, SOCK_STREAM, { waits: false });
    if (typeof socket === "number") return undefined;
    this.#connection = new Connection(this.#loop, socket, {
      frame: (frame: Frame) => {
        if (frame.stream === this.#stream) this.#answer.happen(frame.message);
      },
      closed: () => {
        this.#connection = undefined;
        this.#answer.happen(undefined);
      },
    });
    return this.#connection;
  }
}

function succeeded(message: Uint8Array): boolean {
  return (decode(RESPONSE, message).status?.code ?? 0) === 0;
}
