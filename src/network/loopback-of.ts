// The loopback device of a process that criu has made in a network namespace of its own. Called by restore;
// in a creation the first process sets it up itself, see loopback.ts.

import { setUp } from "./messages.ts";
import { NetworkNamespace } from "./socket.ts";

/** LOOPBACK_IFINDEX of net/flow.h: it is the first device of every network namespace. */
const LOOPBACK_INDEX = 1;

export function setLoopbackUpOf(pid: number): void {
  using namespace = new NetworkNamespace(`/proc/${pid}/ns/net`);
  namespace.ask(setUp(LOOPBACK_INDEX, true), "set the loopback device up");
}
