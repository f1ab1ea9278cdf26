// Pairs of connected unix sockets (socketpair(2)), for control sockets and terminals.

import { mustCall } from "../call/call.ts";
import { u64Struct, viewOf } from "../call/words.ts";
import {
  AF_UNIX,
  SO_RCVTIMEO,
  SO_SNDTIMEO,
  SOCK_CLOEXEC,
  type SOCK_SEQPACKET,
  type SOCK_STREAM,
  SOL_SOCKET,
} from "../numbers/socket-numbers.ts";
import { Descriptor } from "./files.ts";

/** The two ends of a connection of this type. */
export function socketPair(type: typeof SOCK_STREAM | typeof SOCK_SEQPACKET): [Descriptor, Descriptor] {
  const pair = new Uint8Array(8);
  mustCall("make a socket pair", "socketpair", AF_UNIX, type | SOCK_CLOEXEC, 0, pair);
  const view = viewOf(pair);
  return [new Descriptor(view.getInt32(0, true)), new Descriptor(view.getInt32(4, true))];
}

/** Sets how long a write to this socket may wait before it fails with EAGAIN. */
export function limitSending(socket: number, seconds: number): void {
  mustCall("set a time limit", "setsockopt", socket, SOL_SOCKET, SO_SNDTIMEO, u64Struct(seconds, 0), 16);
}

/** Sets how long a read from this socket may wait before it fails with EAGAIN. */
export function limitReceiving(socket: number, seconds: number): void {
  mustCall("set a time limit", "setsockopt", socket, SOL_SOCKET, SO_RCVTIMEO, u64Struct(seconds, 0), 16);
}
