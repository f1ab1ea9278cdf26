// Answers requests on a listening socket. Each has a routine of its own, so that one that waits does not
// delay others.

import { tryCall } from "../../linux/call/call.ts";
import { Descriptor } from "../../linux/files/files.ts";
import { SOCK_CLOEXEC, SOCK_NONBLOCK } from "../../linux/numbers/socket-numbers.ts";
import { decode, encode, type Message, type ValuesOf } from "../../protobuf/protobuf.ts";
import { EPOLLIN, type Loop, type Watch } from "../loop/loop.ts";
import { Once, type Routine, start } from "../loop/routine.ts";
import { Connection } from "./connection.ts";
import { REQUEST, RESPONSE, TYPE_REQUEST, TYPE_RESPONSE } from "./frame.ts";
import { RequestError, statusOf } from "./status.ts";

/** How long no connection is accepted after one could not be, milliseconds. */
const PAUSE_MS = 100;

/** One request, beside its message. */
export interface Call {
  /** Happens when nobody waits for the answer any more: its time is over, or the connection has ended. */
  readonly over: Once<void>;
}

/** A method: the tables of its request and its response, and the function that answers. */
export interface Method {
  readonly request: Message;
  readonly response: Message;
  readonly answer: (request: ValuesOf<Message>, call: Call) => Routine<ValuesOf<Message>>;
}

/** By service and method: `containerd.task.v2.Task/State`. */
export type Methods = ReadonlyMap<string, Method>;

export class Server {
  readonly #loop: Loop;
  readonly #methods: Methods;
  readonly #listener: Descriptor;
  readonly #watch: Watch;
  readonly #connections: Set<Connection> = new Set();

  constructor(loop: Loop, listener: Descriptor, methods: Methods) {
    this.#loop = loop;
    this.#methods = methods;
    this.#listener = listener;
    this.#watch = loop.watch(listener.number, EPOLLIN, () => this.#accept());
  }

  /** Whether all answers have been sent. */
  get isFlushed(): boolean {
    return [...this.#connections].every(({ isFlushed }) => isFlushed);
  }

  close(): void {
    this.#watch.stop();
    this.#listener.close();
    for (const connection of [...this.#connections]) connection.close();
  }

  #accept(): void {
    const fd = tryCall("accept4", this.#listener.number, 0, 0, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
      // Without a descriptor for it the connection stays, and would be reported all the time.
      this.#watch.change(0);
      this.#loop.after(PAUSE_MS, () => this.#watch.change(EPOLLIN));
      return;
    }
    const calls: Set<Once<void>> = new Set();
    const connection = new Connection(this.#loop, new Descriptor(fd), {
      frame: ({ stream, type, message }) => {
        if (type === TYPE_REQUEST) this.#serve(connection, { stream, message, calls });
      },
      closed: () => {
        this.#connections.delete(connection);
        for (const over of [...calls]) over.happen(undefined);
      },
    });
    this.#connections.add(connection);
  }

  #serve(connection: Connection, { stream, message, calls }: Asked): void {
    const over: Once<void> = new Once();
    calls.add(over);
    start(this.#answer(message, over), (outcome) => {
      calls.delete(over);
      const response = outcome.ok ? { payload: outcome.value } : { status: statusOf(outcome.error) };
      connection.send(stream, TYPE_RESPONSE, encode(RESPONSE, response));
    });
  }

  *#answer(message: Uint8Array | undefined, over: Once<void>): Routine<Uint8Array> {
    if (message === undefined)
      throw new RequestError("resource exhausted", "the request is longer than 4 MiB");
    const {
      service = "",
      method = "",
      payload = new Uint8Array(0),
      timeoutNano = 0,
    } = decode(REQUEST, message);
    const found = this.#methods.get(`${service}/${method}`);
    if (found === undefined) throw new RequestError("unimplemented", `service ${service}, method ${method}`);
    const limit = timeoutNano > 0 ? timeoutNano / 1e6 : undefined;
    const timer = limit === undefined ? undefined : this.#loop.after(limit, () => over.happen(undefined));
    try {
      return encode(found.response, yield* found.answer(decode(found.request, payload), { over }));
    } finally {
      timer?.cancel();
    }
  }
}

interface Asked {
  readonly stream: number;
  readonly message: Uint8Array | undefined;
  /** What is over when the connection ends. */
  readonly calls: Set<Once<void>>;
}
