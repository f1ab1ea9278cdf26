// Sets up the loopback device in the new network namespace of a process that criu has made. Called by
// restore; when a container is created, the first process does it itself, see loopback.ts.

import { setUp } from "./messages.ts";
import { NetworkNamespace } from "./socket.ts";

/** LOOPBACK_IFINDEX of net/flow.h: it is the first device of every network namespace. */
const LOOPBACK_INDEX = 1;

export function setLoopbackUpOf(pid: number): void {
  using namespace = new NetworkNamespace(`/proc/${pid}/ns/net`);
  namespace.ask(setUp(LOOPBACK_INDEX, true), "set the loopback device up");
}
