// The sockets that callers listen on for a terminal or a pidfd: connected by tsrun, used by the first
// process.

import { TsrunError } from "../errors.ts";
import { mustCall } from "../linux/call.ts";
import { errnoName, errnoWords } from "../linux/errno.ts";
import { Descriptor } from "../linux/files.ts";
import { addressOf } from "../linux/libc.ts";
import { SOCK_STREAM } from "../linux/sockets.ts";
import { CONTROL_SIZE, connectUnix, sendDescriptor } from "../linux/unix-sockets.ts";
import { u64Struct, viewOf } from "../linux/words.ts";

const MSG_CMSG_CLOEXEC = 0x40000000;

/**
 * Connects to a listening unix socket, without waiting for its owner. `option` names it in the error:
 * `--console-socket`.
 */
export function connectTo(path: string, option: string): Descriptor {
  const socket = connectUnix(path, SOCK_STREAM, { waits: false });
  if (typeof socket === "number") throw failure(path, option, -socket);
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
