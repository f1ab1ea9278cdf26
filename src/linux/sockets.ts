// Pairs of connected unix sockets (socketpair(2)). Called for control sockets and for terminals.

import { mustCall } from "./call.ts";
import { O_CLOEXEC, O_NONBLOCK } from "./fcntl.ts";
import { Descriptor } from "./files.ts";
import { viewOf } from "./words.ts";

export const AF_UNIX = 1;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
/** Messages keep their borders, and the other end's leaving is seen. */
export const SOCK_SEQPACKET = 5;
/** The same bit as O_CLOEXEC, by definition. */
export const SOCK_CLOEXEC = O_CLOEXEC;
/** The same bit as O_NONBLOCK. */
export const SOCK_NONBLOCK = O_NONBLOCK;

/** The two ends of a connection of this type. */
export function socketPair(type: typeof SOCK_STREAM | typeof SOCK_SEQPACKET): [Descriptor, Descriptor] {
  const pair = new Uint8Array(8);
  mustCall("make a socket pair", "socketpair", AF_UNIX, type | SOCK_CLOEXEC, 0, pair);
  const view = viewOf(pair);
  return [new Descriptor(view.getInt32(0, true)), new Descriptor(view.getInt32(4, true))];
}
