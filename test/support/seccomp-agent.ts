// An agent for profiles with SCMP_ACT_NOTIFY (seccomp_unotify(2)). Run under Bun by the end-to-end tests:
// Node can neither receive a descriptor nor call ioctl(2).
//
//   bun test/support/seccomp-agent.ts SOCKET ANSWER
//
// ANSWER: `continue`; a number, the errno of every call; `silent`; `leave`, to end with the descriptor in
// hand; or `full`, to listen with a queue that has no room and accept nobody. Prints `ready`, then a JSON
// line for each message and each notification.

import { addressOf } from "../../src/engine/host/memory.ts";
import { mustCall, tryCall } from "../../src/linux/call/call.ts";
import { text, u64Struct, viewOf } from "../../src/linux/call/words.ts";
import { Descriptor } from "../../src/linux/files/files.ts";
import { poll } from "../../src/linux/files/poll.ts";
import { bindUnix, connectUnix } from "../../src/linux/files/unix-sockets.ts";
import { POLLIN } from "../../src/linux/numbers/sched.ts";
import { SOCK_STREAM } from "../../src/linux/numbers/socket-numbers.ts";

const [path = "", answer = "continue"] = process.argv.slice(2);

/** _IOWR('!', 0, struct seccomp_notif) and _IOWR('!', 1, struct seccomp_notif_resp) of <linux/seccomp.h> */
const SECCOMP_IOCTL_NOTIF_RECV = 0xc0502100;
const SECCOMP_IOCTL_NOTIF_SEND = 0xc0182101;
const SECCOMP_USER_NOTIF_FLAG_CONTINUE = 1;

function say(what: unknown): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

/** The message of a connection, and the descriptor that comes with it. */
function receive(listening: Descriptor): Descriptor {
  using connection = new Descriptor(mustCall("accept", "accept4", listening.number, 0, 0, 0));
  const bytes = new Uint8Array(65536);
  const vector = u64Struct(addressOf(bytes), bytes.length);
  const control = new Uint8Array(64);
  const header = u64Struct(0, 0, addressOf(vector), 1, addressOf(control), control.length, 0);
  const length = mustCall("receive", "recvmsg", connection.number, header, 0);
  const view = viewOf(control);
  say({
    message: JSON.parse(text(bytes.subarray(0, length))),
    descriptors: (view.getUint32(0, true) - 16) / 4,
  });
  return new Descriptor(vector.length > 0 ? view.getInt32(16, true) : -1);
}

function respond(listener: Descriptor): void {
  const notification = new Uint8Array(80);
  if (tryCall("ioctl", listener.number, SECCOMP_IOCTL_NOTIF_RECV, notification) < 0) return;
  const view = viewOf(notification);
  say({ call: view.getInt32(16, true), pid: view.getUint32(8, true) });
  if (answer === "silent") return;
  const response = new Uint8Array(24);
  const out = viewOf(response);
  out.setBigUint64(0, view.getBigUint64(0, true), true);
  if (answer === "continue") out.setUint32(20, SECCOMP_USER_NOTIF_FLAG_CONTINUE, true);
  else out.setInt32(16, -Number(answer), true);
  tryCall("ioctl", listener.number, SECCOMP_IOCTL_NOTIF_SEND, response);
}

const listening = bindUnix(path, SOCK_STREAM);
if (typeof listening === "number") throw new Error(`cannot bind ${path}: errno ${-listening}`);
mustCall("listen", "listen", listening.number, answer === "full" ? 0 : 16);
const filler = answer === "full" ? connectUnix(path, SOCK_STREAM) : undefined;
process.stdout.write("ready\n");

const listeners: Descriptor[] = [];
while (filler === undefined) {
  const entries = [listening, ...listeners].map(({ number }) => ({ fd: number, events: POLLIN }));
  const [arrived = 0, ...notified] = poll(entries);
  if (arrived !== 0) listeners.push(receive(listening));
  if (listeners.length > 0 && answer === "leave") process.exit(0);
  notified.forEach((events, index) => {
    const listener = listeners[index];
    if (listener === undefined || events === 0) return;
    if ((events & POLLIN) !== 0) respond(listener);
    // No process has the filter any more.
    else for (const one of listeners.splice(index, 1)) one.close();
  });
}
setInterval(() => {}, 1 << 30);
