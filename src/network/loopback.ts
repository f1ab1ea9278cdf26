// Sets up the loopback device of a new network namespace, which is down at first. Pure. Called by create.

import { cString, viewOf } from "../linux/call/words.ts";
import { AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM } from "../linux/numbers/socket-numbers.ts";
import { data, shown } from "../proxy/calls/arguments.ts";
import { close } from "../proxy/calls/calls.ts";
import { type Operation, operation } from "../proxy/calls/operation.ts";

const SIOCSIFFLAGS = 0x8914;
const IFF_UP = 1;
/** `struct ifreq`: the name in 16 bytes, then the flags. */
const IFREQ_SIZE = 40;
const FLAGS_OFFSET = 16;

/** netdevice(7): a socket of any family will do, and the kernel makes this one fastest. */
export function setLoopbackUp(): Operation[] {
  const attempt = "set the loopback device up";
  const type = shown(SOCK_DGRAM | SOCK_CLOEXEC, "SOCK_DGRAM|SOCK_CLOEXEC");
  const socket = operation("socket", [shown(AF_UNIX, "AF_UNIX"), type, 0], attempt);
  const request = new Uint8Array(IFREQ_SIZE);
  request.set(cString("lo"));
  viewOf(request).setUint16(FLAGS_OFFSET, IFF_UP, true);
  const shownRequest = data(request, () => '{ifr_name="lo", ifr_flags=IFF_UP}');
  const up = operation("ioctl", [socket, shown(SIOCSIFFLAGS, "SIOCSIFFLAGS"), shownRequest], attempt);
  return [socket, up, close(socket)];
}
