// The sockets on which callers listen for a terminal or a pidfd: tsrun connects to them, the first process
// uses them.

import { TsrunError } from "../errors.ts";
import { tryCall } from "../linux/call/call.ts";
import { Descriptor } from "../linux/files/files.ts";
import { connectUnix, receiveMessage, sendDescriptor } from "../linux/files/unix-sockets.ts";
import { ENOSYS, errnoName, errnoWords } from "../linux/numbers/errno.ts";
import { SOCK_STREAM } from "../linux/numbers/socket-numbers.ts";

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

export interface PidfdReceiver {
  readonly path: string;
  /**
   * AS RUNC: the text of the message to `--pidfd-socket`. AS CRUN: that to its annotation's socket is empty.
   */
  readonly kind: "standard" | "setns" | "receiver";
}

/** Sends a pidfd of a process to the socket of `--pidfd-socket`, or to crun's `run.oci.pidfd_receiver`. */
export function sendPidfd({ path, kind }: PidfdReceiver, pid: number): void {
  const isCruns = kind === "receiver";
  const option = isCruns ? "/annotations/run.oci.pidfd_receiver" : "--pidfd-socket";
  using socket = connectTo(path, option);
  const pidfd = tryCall("pidfd_open", pid, 0);
  if (pidfd < 0) throw unopened(-pidfd, option);
  using handle = new Descriptor(pidfd);
  sendDescriptor(socket, isCruns ? " " : kind, handle.number);
}

function unopened(errno: number, option: string): TsrunError {
  const message = `cannot open the process for ${option}: ${errnoWords(errno)}`;
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
