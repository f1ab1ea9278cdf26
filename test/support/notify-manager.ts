// A service manager's end of sd_notify(3), and a service's. Run under Bun: Node has no datagram sockets of
// AF_UNIX.
//
//   bun test/support/notify-manager.ts listen SOCKET [HOLD]   prints `ready`, then a JSON line per message
//   bun test/support/notify-manager.ts send SOCKET MESSAGE
//
// A descriptor that comes with BARRIER=1 is closed at once, as systemd does, or held with HOLD.

import { mustCall } from "../../src/linux/call.ts";
import { addressOf } from "../../src/linux/ffi.ts";
import { Descriptor } from "../../src/linux/files.ts";
import { SOCK_DGRAM } from "../../src/linux/sockets.ts";
import { bindUnix, connectUnix } from "../../src/linux/unix-sockets.ts";
import { text, u64Struct, utf8, viewOf } from "../../src/linux/words.ts";

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
  const bytes = new Uint8Array(4096);
  const vector = u64Struct(addressOf(bytes), bytes.length);
  const control = new Uint8Array(64);
  const header = u64Struct(0, 0, addressOf(vector), 1, addressOf(control), control.length, 0);
  const length = mustCall("receive", "recvmsg", opened.number, header, 0);
  const view = viewOf(control);
  const descriptors = vector.length > 0 && view.getUint32(0, true) > 0 ? 1 : 0;
  if (descriptors > 0 && given === "") new Descriptor(view.getInt32(16, true)).close();
  process.stdout.write(`${JSON.stringify({ text: text(bytes.subarray(0, length)), descriptors })}\n`);
}
