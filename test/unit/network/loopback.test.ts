// The operations that set the loopback device up.

import t from "tap";
import { setLoopbackUp } from "../../../src/network/loopback.ts";
import { render } from "../../../src/proxy/calls/operation.ts";

t.test("a socket, the flag, and the socket goes", async (t) => {
  t.strictSame(setLoopbackUp().map(render), [
    "socket(AF_UNIX, SOCK_DGRAM|SOCK_CLOEXEC, 0)",
    'ioctl(<socket>, SIOCSIFFLAGS, {ifr_name="lo", ifr_flags=IFF_UP})',
    "close(<socket>)",
  ]);
});
