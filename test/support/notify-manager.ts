// A service manager's end of sd_notify(3), and a service's. Run under Bun: Node has no datagram sockets of
// AF_UNIX.
//
//   bun test/support/notify-manager.ts listen SOCKET [HOLD]   prints `ready`, then a JSON line per message
//   bun test/support/notify-manager.ts send SOCKET MESSAGE
//
// A descriptor that comes with BARRIER=1 is closed at once, as systemd does, or held with HOLD.

import { mustCall } from "../../src/linux/call/call.ts";
import { text, utf8 } from "../../src/linux/call/words.ts";
import { bindUnix, connectUnix, receiveMessage } from "../../src/linux/files/unix-sockets.ts";
import { SOCK_DGRAM } from "../../src/linux/numbers/socket-numbers.ts";

const [mode = "", path = "", given = ""] = process.argv.slice(2);

const opened = mode === "send" ? connectUnix(path, SOCK_DGRAM) : bindUnix(path, SOCK_DGRAM);
if (typeof opened === "number") throw new Error(`cannot ${mode} at ${path}: errno ${-opened}`);

if (mode === "send") {
  const bytes = utf8(given);
  mustCall("send", "write", opened.number, bytes, bytes.length);
  process.exit(0);
}

process.stdout.write("ready\n");
for (;;) {
  const { bytes, descriptor } = receiveMessage(opened, 4096);
  if (given === "") descriptor?.close();
  const descriptors = descriptor === undefined ? 0 : 1;
  process.stdout.write(`${JSON.stringify({ text: text(bytes), descriptors })}\n`);
}
