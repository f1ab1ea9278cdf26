// Pairs of connected unix sockets (socketpair(2)). Called for control sockets and for terminals.

import { mustCall } from "./call.ts";
import { Descriptor } from "./files.ts";
import { AF_UNIX, SOCK_CLOEXEC, type SOCK_SEQPACKET, type SOCK_STREAM } from "./socket-numbers.ts";
import { viewOf } from "./words.ts";

/** The two ends of a connection of this type. */
export function socketPair(type: typeof SOCK_STREAM | typeof SOCK_SEQPACKET): [Descriptor, Descriptor] {
  const pair = new Uint8Array(8);
  mustCall("make a socket pair", "socketpair", AF_UNIX, type | SOCK_CLOEXEC, 0, pair);
  const view = viewOf(pair);
  return [new Descriptor(view.getInt32(0, true)), new Descriptor(view.getInt32(4, true))];
}
