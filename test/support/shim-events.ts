// The events that a shim sends to containerd, as its server for them gets them.

import { decode, type Message } from "../../src/protobuf/protobuf.ts";
import { EVENTS, type EventName, FORWARD_REQUEST } from "../../src/shim/messages/events.ts";
import { REQUEST } from "../../src/shim/ttrpc/frame.ts";

export interface ShimEvent {
  readonly name: EventName;
  readonly values: Readonly<Record<string, unknown>>;
}

/** Reads a request of ttrpc. */
export function readEvent(message: Uint8Array): ShimEvent {
  const { payload = new Uint8Array(0) } = decode(REQUEST, message);
  const { event, topic } = decode(FORWARD_REQUEST, payload).envelope ?? {};
  const name = (event?.typeUrl ?? "").split(".").at(-1) as EventName;
  const [expected, table] = EVENTS[name];
  if (topic !== expected) throw new Error(`${name} came as ${topic}`);
  return { name, values: decode(table as Message, event?.value ?? new Uint8Array(0)) };
}
