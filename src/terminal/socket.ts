// The sockets that callers listen on for a terminal or a pidfd: connected by tsrun, used by the first process.

import { TsrunError } from "../errors.ts";
import { tryCall } from "../linux/call.ts";
import { errnoName, errnoWords } from "../linux/errno.ts";
import { Descriptor, openDirectory } from "../linux/files.ts";
import { utf8 } from "../linux/words.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
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

function failure(path: string, option: string, errno: number): TsrunError {
  return new TsrunError("E_SYSCALL", `cannot connect to "${path}" of ${option}: ${errnoWords(errno)}`, {
    errno: errnoName(errno),
    hint: "the caller must listen on this unix socket before it calls",
  });
}
