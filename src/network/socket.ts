// Sends rtnetlink(7) requests, in tsrun's own network namespace or in a container's.

import { TsrunError } from "../errors.ts";
import { mustCall, syscallError, tryCall } from "../linux/call/call.ts";
import { Descriptor, open } from "../linux/files/files.ts";
import { O_RDONLY } from "../linux/numbers/fcntl.ts";
import { CLONE_NEWNET } from "../linux/numbers/sched.ts";
import { AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW } from "../linux/numbers/socket-numbers.ts";
import { type Answer, encodeRequest, newAnswer, type Request, readDatagram } from "./messages.ts";

const NETLINK_ROUTE = 0;
/** The most bytes that the kernel puts into a datagram of a list. */
const DATAGRAM = 32 << 10;
/** How often to ask again for a list that changed while it was read. */
const MOST_TRIES = 10;

/** A network namespace, and a socket in it, which stays there wherever tsrun is. */
export class NetworkNamespace implements Disposable {
  readonly #namespace: Descriptor;
  readonly #socket: Descriptor;
  #sequence = 0;

  /** @param path a file of the namespace, such as those in /proc/PID/ns */
  constructor(path: string) {
    this.#namespace = open(path, O_RDONLY);
    this.#socket = socketIn(this.#namespace);
  }

  /** The descriptor of the namespace's file. */
  get descriptor(): number {
    return this.#namespace.number;
  }

  [Symbol.dispose](): void {
    this.#socket.close();
    this.#namespace.close();
  }

  /** Throws `cannot <attempt>: <errno in words>` when the kernel refuses. */
  ask(request: Request, attempt: string): Answer {
    const answer = this.attempt(request, attempt);
    if (answer.errno !== 0) throw syscallError(attempt, answer.errno);
    return answer;
  }

  /** Like `ask`, but leaves refusals to the caller. */
  attempt(request: Request, attempt: string): Answer {
    for (let tries = 1; ; tries++) {
      const answer = this.#askOnce(request, attempt);
      if (!answer.interrupted || tries === MOST_TRIES) return answer;
    }
  }

  #askOnce(request: Request, attempt: string): Answer {
    const answer = newAnswer();
    this.#sequence += 1;
    const message = encodeRequest(request, this.#sequence);
    mustCall(attempt, "sendto", this.#socket.number, message, message.length, 0, 0, 0);
    while (!answer.done) {
      const datagram = new Uint8Array(DATAGRAM);
      const length = mustCall(attempt, "read", this.#socket.number, datagram, datagram.length);
      readDatagram(datagram.subarray(0, length), this.#sequence, answer);
    }
    return answer;
  }
}

/**
 * setns(2) with a network namespace moves only the calling thread, which moves back at once: a socket stays
 * in the namespace in which it was made. Made from here, it has the host's privileges there.
 */
function socketIn(namespace: Descriptor): Descriptor {
  using ours = open("/proc/thread-self/ns/net", O_RDONLY);
  mustCall("enter a network namespace", "setns", namespace.number, CLONE_NEWNET);
  const socket = tryCall("socket", AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  const back = tryCall("setns", ours.number, CLONE_NEWNET);
  if (back < 0) throw new TsrunError("E_INTERNAL", "cannot return from a network namespace");
  if (socket < 0) throw syscallError("make a netlink socket", -socket);
  return new Descriptor(socket);
}
