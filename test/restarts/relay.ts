// Stands between shims and containerd's service for events: passes on what they send and how it is answered,
// keeps a list of it, and can cut a connection at any event.

import { connect, createServer, type Server, type Socket } from "node:net";
import { decode } from "../../src/protobuf/protobuf.ts";
import { encodeFrame, type Frame, FrameReader, RESPONSE, TYPE_REQUEST } from "../../src/shim/ttrpc/frame.ts";
import { readEvent, type ShimEvent } from "../support/shim-events.ts";

/** An event is on its way to containerd, or its answer on its way to the shim. */
export type Point = "sent" | "answered";

/** Called at each point of each event. Returns whether the connection is cut there. */
export type Watcher = (point: Point, event: ShimEvent) => boolean;

export class Relay {
  /** Events whose answer the shim has got, in this order. */
  readonly taken: ShimEvent[] = [];
  /** How many times an event was sent. */
  sent = 0;
  watcher: Watcher = () => false;
  readonly #containerd: string;
  readonly #server: Server;

  /** @param containerd the path of its socket */
  constructor(path: string, containerd: string) {
    this.#containerd = containerd;
    this.#server = createServer((shim) => this.#serve(shim));
    this.#server.listen(path);
  }

  close(): void {
    this.#server.close();
  }

  #serve(shim: Socket): void {
    const containerd = connect(this.#containerd);
    const cut = (): void => {
      shim.destroy();
      containerd.destroy();
    };
    for (const end of [shim, containerd]) end.on("error", cut).on("close", cut);
    /** By its stream. */
    const asked = new Map<number, ShimEvent>();
    onFrames(shim, (frame) => {
      const event = readEvent(frame.message ?? new Uint8Array(0));
      asked.set(frame.stream, event);
      this.sent += 1;
      if (this.watcher("sent", event)) cut();
      else send(containerd, frame);
    });
    onFrames(containerd, (frame) => {
      const event = asked.get(frame.stream);
      asked.delete(frame.stream);
      if (event === undefined) throw new Error("containerd has answered what was not asked");
      if (this.watcher("answered", event)) {
        cut();
        return;
      }
      const { status } = decode(RESPONSE, frame.message ?? new Uint8Array(0));
      send(shim, frame, (failed) => {
        if (!failed && !status?.code) this.taken.push(event);
      });
    });
  }
}

function onFrames(socket: Socket, handle: (frame: Frame) => void): void {
  const reader = new FrameReader();
  socket.on("data", (bytes) => {
    reader.push(Uint8Array.from(bytes as Buffer));
    for (let frame = reader.next(); frame !== undefined && !socket.destroyed; frame = reader.next()) {
      handle(frame);
    }
  });
}

function send(
  to: Socket,
  { stream, type, message }: Frame,
  done: (failed: boolean) => void = () => {},
): void {
  if (type !== TYPE_REQUEST && message === undefined) throw new Error("an answer that is too long");
  to.write(encodeFrame(stream, type, message ?? new Uint8Array(0)), (error) => done(Boolean(error)));
}
