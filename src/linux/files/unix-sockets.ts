// Unix sockets by path or abstract name, and descriptors sent over them (unix(7), cmsg(3)). For console and
// pidfd sockets, seccomp agents and notifications to systemd.

import { addressOf } from "../../engine/host/memory.ts";
import { TsrunError } from "../../errors.ts";
import { mustCall, tryCall } from "../call/call.ts";
import { u64Struct, utf8, viewOf } from "../call/words.ts";
import { EINVAL } from "../numbers/errno.ts";
import { AT_FDCWD, F_SETFL, O_NONBLOCK } from "../numbers/fcntl.ts";
import {
  AF_UNIX,
  MSG_NOSIGNAL,
  SCM_RIGHTS,
  SO_SNDTIMEO,
  SOCK_CLOEXEC,
  type SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_SEQPACKET,
  type SOCK_STREAM,
  SOL_SOCKET,
} from "../numbers/socket-numbers.ts";
import { Descriptor, openDirectory } from "./files.ts";

/** `struct cmsghdr` and one descriptor, aligned. */
const CONTROL_SIZE = 24;
/** Bytes of `sun_path` with its NUL (unix(7)). */
const SUN_PATH = 108;

const MSG_CMSG_CLOEXEC = 0x40000000;
const MSG_TRUNC = 0x20;
/** Offsets in `struct msghdr` of the length of the control data, and of the flags. */
const CONTROL_LENGTH_OFFSET = 40;
const FLAGS_OFFSET = 48;
/** How long to wait for a listener to accept, or to read a message. */
const PATIENCE_SECONDS = 10;

type Type = typeof SOCK_STREAM | typeof SOCK_DGRAM | typeof SOCK_SEQPACKET;

/**
 * Connects to a socket. Returns the negated errno if that fails: EAGAIN if the listener does not accept.
 * Without `waits`, neither this nor a later send waits.
 */
export function connectUnix(path: string, type: Type, { waits = true } = {}): Descriptor | number {
  return withAddress("connect", path, waits ? type : type | SOCK_NONBLOCK);
}

/** Makes a socket at `path`, which must not exist. Returns the negated errno if that fails. */
export function bindUnix(path: string, type: Type): Descriptor | number {
  return withAddress("bind", path, type);
}

/** Makes a socket that only its owner may connect to, and listens. */
export function listenUnix(path: string, type: Type = SOCK_SEQPACKET, backlog = 1): Descriptor | number {
  const socket = bindUnix(path, type);
  if (typeof socket === "number") return socket;
  // Nobody can connect before listen(2), so the mode that the umask gave it does no harm.
  const changed = tryCall("fchmodat", AT_FDCWD, path, 0o600);
  const result = changed < 0 ? changed : tryCall("listen", socket.number, backlog);
  if (result >= 0) return socket;
  socket.close();
  return result;
}

/** Takes a peer that has connected. Throws EAGAIN at once when there is none. */
export function acceptUnix(listener: Descriptor): Descriptor {
  mustCall("listen without waiting", "fcntl", listener.number, F_SETFL, O_NONBLOCK);
  return new Descriptor(mustCall("accept a connection", "accept4", listener.number, 0, 0, SOCK_CLOEXEC));
}

/** Sends a descriptor with a text, in one message. */
export function sendDescriptor(socket: Descriptor, message: string, descriptor: number): void {
  const payload = utf8(message);
  const vector = u64Struct(addressOf(payload), payload.length);
  const control = new Uint8Array(CONTROL_SIZE);
  const view = viewOf(control);
  view.setUint32(0, 20, true);
  view.setInt32(8, SOL_SOCKET, true);
  view.setInt32(12, SCM_RIGHTS, true);
  view.setInt32(16, descriptor, true);
  const header = u64Struct(0, 0, addressOf(vector), 1, addressOf(control), control.length, 0);
  const sent = mustCall("send a descriptor", "sendmsg", socket.number, header, MSG_NOSIGNAL);
  // Used after the call, so that none of them was collected before it.
  if (sent !== payload.length || vector.length + control.length === 0) {
    throw new TsrunError("E_INTERNAL", "cannot send a descriptor: the message was cut");
  }
}

export interface ReceivedMessage {
  /** Empty when the other end has been closed. */
  readonly bytes: Uint8Array;
  readonly descriptor: Descriptor | undefined;
}

/**
 * Waits for a message of at most `size` bytes, and takes the descriptor that comes with it. A longer one is
 * EMSGSIZE.
 */
export function receiveMessage(socket: Descriptor, size: number): ReceivedMessage {
  const payload = new Uint8Array(size);
  const vector = u64Struct(addressOf(payload), payload.length);
  const control = new Uint8Array(CONTROL_SIZE);
  const header = u64Struct(0, 0, addressOf(vector), 1, addressOf(control), control.length, 0);
  const length = mustCall("receive a message", "recvmsg", socket.number, header, MSG_CMSG_CLOEXEC);
  // Used after the call, so that none of them was collected before it.
  const received = vector.length > 0 ? viewOf(header) : viewOf(control);
  if ((received.getUint32(FLAGS_OFFSET, true) & MSG_TRUNC) !== 0) {
    const words = `cannot receive a message: it is longer than ${size} bytes`;
    throw new TsrunError("E_INTERNAL", words, { errno: "EMSGSIZE" });
  }
  const view = viewOf(control);
  const carries =
    received.getUint32(CONTROL_LENGTH_OFFSET, true) > 0 && view.getInt32(12, true) === SCM_RIGHTS;
  return {
    bytes: payload.subarray(0, length),
    descriptor: carries ? new Descriptor(view.getInt32(16, true)) : undefined,
  };
}

function withAddress(call: "connect" | "bind", path: string, type: number): Descriptor | number {
  if (path.includes("\0")) return -EINVAL;
  const fd = tryCall("socket", AF_UNIX, type | SOCK_CLOEXEC, 0);
  if (fd < 0) return fd;
  const socket = new Descriptor(fd);
  const limit = u64Struct(PATIENCE_SECONDS, 0);
  tryCall("setsockopt", fd, SOL_SOCKET, SO_SNDTIMEO, limit, limit.length);
  // If a path is too long for a socket address, use the descriptor of its directory.
  const slash = path.lastIndexOf("/");
  const long = !isAbstract(path) && utf8(path).length >= SUN_PATH;
  using directory = long ? openDirectory(path.slice(0, slash) || "/") : undefined;
  const short = directory === undefined ? path : `/proc/self/fd/${directory.number}/${path.slice(slash + 1)}`;
  const address = socketAddress(short);
  const result = tryCall(call, fd, address, address.length);
  if (result >= 0) return socket;
  socket.close();
  return result;
}

function socketAddress(path: string): Uint8Array {
  const name = utf8(path);
  // The length of an abstract name counts; a path ends with NUL.
  const address = new Uint8Array(2 + name.length + (isAbstract(path) ? 0 : 1));
  address[0] = AF_UNIX;
  address.set(name, 2);
  if (isAbstract(path)) address[2] = 0;
  return address;
}

/** Whether it is an abstract name, which systemd and Go write as `@name`. */
function isAbstract(path: string): boolean {
  return path.startsWith("@");
}
