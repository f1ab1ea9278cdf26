// The sockets that callers listen on for a terminal or a pidfd: connected by tsrun, used by the first
// process.

import { TsrunError } from "../errors.ts";
import { mustCall, tryCall } from "../linux/call.ts";
import { errnoName, errnoWords } from "../linux/errno.ts";
import { Descriptor, openDirectory } from "../linux/files.ts";
import { addressOf } from "../linux/libc.ts";
import { AF_UNIX, SOCK_CLOEXEC, SOCK_STREAM } from "../linux/sockets.ts";
import { u64Struct, utf8, viewOf } from "../linux/words.ts";

/** `struct cmsghdr` and one descriptor, aligned. */
const CONTROL_SIZE = 24;
const MSG_CMSG_CLOEXEC = 0x40000000;
/** Bytes of `sun_path` with its NUL (unix(7)). */
const SUN_PATH = 108;

/** Connects to a listening unix socket. `option` names it in the error: `--console-socket`. */
export function connectTo(path: string, option: string): Descriptor {
  const fd = tryCall("socket", AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw failure(path, option, -fd);
  const socket = new Descriptor(fd);
  // A path longer than a socket address is reached through the descriptor of its directory.
  const slash = path.lastIndexOf("/");
  using directory = utf8(path).length < SUN_PATH ? undefined : openDirectory(path.slice(0, slash) || "/");
  const short = directory === undefined ? path : `/proc/self/fd/${directory.number}/${path.slice(slash + 1)}`;
  const name = utf8(short);
  const address = new Uint8Array(2 + name.length + 1);
  address[0] = AF_UNIX;
  address.set(name, 2);
  const result = tryCall("connect", fd, address, address.length);
  if (result < 0) {
    socket.close();
    throw failure(path, option, -result);
  }
  return socket;
}

/** Receives the one descriptor of a message (unix(7), cmsg(3)). */
export function receiveMaster(socket: Descriptor): Descriptor {
  const name = new Uint8Array(64);
  const vector = u64Struct(addressOf(name), name.length);
  const control = new Uint8Array(CONTROL_SIZE);
  const header = u64Struct(0, 0, addressOf(vector), 1, addressOf(control), control.length, 0);
  mustCall("receive the terminal", "recvmsg", socket.number, header, MSG_CMSG_CLOEXEC);
  // Used after the call, so that none of them was collected before it.
  const received =
    [name, vector, control].every((one) => one.length > 0) && viewOf(control).getInt32(12, true) === 1;
  if (!received)
    throw new TsrunError("E_INTERNAL", "cannot receive the terminal: the message holds no descriptor");
  return new Descriptor(viewOf(control).getInt32(16, true));
}

/** Sends a descriptor with a name, in one message (unix(7), cmsg(3)). */
export function sendDescriptor(socket: Descriptor, name: string, descriptor: number): void {
  const payload = utf8(name);
  const vector = u64Struct(addressOf(payload), payload.length);
  const control = new Uint8Array(CONTROL_SIZE);
  const view = viewOf(control);
  view.setUint32(0, 20, true);
  view.setInt32(8, 1, true); // SOL_SOCKET
  view.setInt32(12, 1, true); // SCM_RIGHTS
  view.setInt32(16, descriptor, true);
  const header = u64Struct(0, 0, addressOf(vector), 1, addressOf(control), control.length, 0);
  const sent = mustCall("send a descriptor", "sendmsg", socket.number, header, 0);
  // Used after the call, so that none of them was collected before it.
  if (sent !== payload.length || vector.length + control.length === 0) {
    throw new TsrunError("E_INTERNAL", "cannot send a descriptor: the message was cut");
  }
}

/** Sends a pidfd of a process to the socket of `--pidfd-socket`. */
export function sendPidfd(path: string, kind: "standard" | "setns", pid: number): void {
  using socket = connectTo(path, "--pidfd-socket");
  using handle = new Descriptor(mustCall("open the process", "pidfd_open", pid, 0));
  sendDescriptor(socket, kind, handle.number);
}

function failure(path: string, option: string, errno: number): TsrunError {
  return new TsrunError("E_SYSCALL", `cannot connect to "${path}" of ${option}: ${errnoWords(errno)}`, {
    errno: errnoName(errno),
    hint: "the caller must listen on this unix socket before it calls",
  });
}
