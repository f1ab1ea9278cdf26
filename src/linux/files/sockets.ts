// Pairs of connected unix sockets (socketpair(2)), for control sockets and terminals.

import { currentWaiter } from "../../waits.ts";
import { mustCall, syscallError, tryCall } from "../call/call.ts";
import { u64Struct, viewOf } from "../call/words.ts";
import { EAGAIN } from "../numbers/errno.ts";
import { POLLIN, POLLOUT } from "../numbers/sched.ts";
import {
  AF_UNIX,
  MSG_DONTWAIT,
  SO_RCVTIMEO,
  SO_SNDTIMEO,
  SOCK_CLOEXEC,
  type SOCK_SEQPACKET,
  type SOCK_STREAM,
  SOL_SOCKET,
} from "../numbers/socket-numbers.ts";
import { Descriptor, writeAll } from "./files.ts";

/** The two ends of a connection of this type. */
export function socketPair(type: typeof SOCK_STREAM | typeof SOCK_SEQPACKET): [Descriptor, Descriptor] {
  const pair = new Uint8Array(8);
  mustCall("make a socket pair", "socketpair", AF_UNIX, type | SOCK_CLOEXEC, 0, pair);
  const view = viewOf(pair);
  return [new Descriptor(view.getInt32(0, true)), new Descriptor(view.getInt32(4, true))];
}

/** Writes all of it, unless the other end takes nothing for so long: then it fails with EAGAIN. */
export function sendInTime(socket: number, bytes: Uint8Array, what: string, seconds: number): void {
  const waiter = currentWaiter();
  if (waiter === undefined) {
    mustCall("set a time limit", "setsockopt", socket, SOL_SOCKET, SO_SNDTIMEO, u64Struct(seconds, 0), 16);
  } else if (waiter.poll([{ fd: socket, events: POLLOUT }], seconds * 1000)[0] === 0) {
    throw syscallError(`write ${what}`, EAGAIN);
  }
  // Where a waiter has waited, the buffer has room for a message, and write(2) does not block.
  writeAll(socket, bytes, what);
}

/** Sets how long `receive` may wait before it fails with EAGAIN. */
export function limitReceiving(socket: number, seconds: number): void {
  if (currentWaiter() !== undefined) return;
  mustCall("set a time limit", "setsockopt", socket, SOL_SOCKET, SO_RCVTIMEO, u64Struct(seconds, 0), 16);
}

/**
 * Reads what has arrived, or waits for it, for as long as `limitReceiving` was told. Returns the number of
 * bytes, or the negated errno.
 */
export function receive(socket: number, into: Uint8Array, seconds: number): number {
  const waiter = currentWaiter();
  if (waiter === undefined) return tryCall("read", socket, into, into.length);
  const take = () => tryCall("recvfrom", socket, into, into.length, MSG_DONTWAIT, 0, 0);
  const got = take();
  if (got !== -EAGAIN) return got;
  const [events] = waiter.poll([{ fd: socket, events: POLLIN }], seconds * 1000);
  return events === 0 ? -EAGAIN : take();
}
