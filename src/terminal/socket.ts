// The sockets that callers listen on for a terminal or a pidfd: connected by tsrun, used by the first
// process.

import { TsrunError } from "../errors.ts";
import { tryCall } from "../linux/call.ts";
import { ENOSYS, errnoName, errnoWords } from "../linux/errno.ts";
import { Descriptor } from "../linux/files.ts";
import { SOCK_STREAM } from "../linux/socket-numbers.ts";
import { connectUnix, receiveMessage, sendDescriptor } from "../linux/unix-sockets.ts";

/**
 * Connects to a listening unix socket, without waiting for its owner. `option` names it in the error:
 * `--console-socket`.
 */
export function connectTo(path: string, option: string): Descriptor {
  const socket = connectUnix(path, SOCK_STREAM, { waits: false });
  if (typeof socket === "number") throw failure(path, option, -socket);
  return socket;
}

/** Receives the one descriptor of a message. */
export function receiveMaster(socket: Descriptor): Descriptor {
  const { descriptor } = receiveMessage(socket, 64);
  if (descriptor !== undefined) return descriptor;
  throw new TsrunError("E_INTERNAL", "cannot receive the terminal: the message holds no descriptor");
}

/** Sends a pidfd of a process to the socket of `--pidfd-socket`. */
export function sendPidfd(path: string, kind: "standard" | "setns", pid: number): void {
  using socket = connectTo(path, "--pidfd-socket");
  const pidfd = tryCall("pidfd_open", pid, 0);
  if (pidfd < 0) throw unopened(-pidfd);
  using handle = new Descriptor(pidfd);
  sendDescriptor(socket, kind, handle.number);
}

function unopened(errno: number): TsrunError {
  const message = `cannot open the process for --pidfd-socket: ${errnoWords(errno)}`;
  const hint = "it needs pidfd_open(2), which this kernel or a filter around tsrun lacks";
  return new TsrunError("E_SYSCALL", message, {
    errno: errnoName(errno),
    ...(errno === ENOSYS ? { hint } : {}),
  });
}

function failure(path: string, option: string, errno: number): TsrunError {
  return new TsrunError("E_SYSCALL", `cannot connect to "${path}" of ${option}: ${errnoWords(errno)}`, {
    errno: errnoName(errno),
    hint: "the caller must listen on this unix socket before it calls",
  });
}
