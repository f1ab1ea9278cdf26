// The container's terminal: the first process opens a pty of the container's own devpts and sends the master
// to the console socket. pty(7), ioctl_tty(2). Called by the create and exec stories.

import { TsrunError } from "../errors.ts";
import { u64Struct, utf8, viewOf } from "../linux/call/words.ts";
import { parseStatx } from "../linux/files/files.ts";
import { AT_EMPTY_PATH, AT_FDCWD, O_NOCTTY, O_NOFOLLOW, O_RDWR, S_IFCHR } from "../linux/numbers/fcntl.ts";
import { DEVPTS_SUPER_MAGIC } from "../linux/numbers/mount.ts";
import { SCM_RIGHTS, SOL_SOCKET } from "../linux/numbers/socket-numbers.ts";
import { type Data, data, shown } from "../proxy/calls/arguments.ts";
import { close, dup3, fstatfs, openat, statx } from "../proxy/calls/calls.ts";
import { type Operation, operation, resultOf } from "../proxy/calls/operation.ts";
import type { Conversation } from "../proxy/conversation.ts";

const TIOCSPTLCK = 0x40045431;
const TIOCGPTPEER = 0x5441;
const TIOCSCTTY = 0x540e;
const TIOCSWINSZ = 0x5414;
/** The inode of `ptmx` on every devpts (Documentation/filesystems/devpts.rst). */
const PTMX_INODE = 2n;
/** The text of the message to the console socket; receivers require a name that is not empty. */
const MASTER_NAME = "/dev/ptmx";

export interface ConsoleSize {
  readonly height: number;
  readonly width: number;
}

export interface Pty {
  /** Descriptors in the proxy. */
  readonly master: number;
  readonly slave: number;
}

/** Opens a new pty of the devpts on the container's /dev/pts. */
export function openPty(proxy: Conversation, size: ConsoleSize | undefined): Pty {
  const attempt = "open a terminal of the container's devpts";
  // CVE-2025-52565: an image may have put any file at this path, so check what was opened before using it.
  const master = openat(AT_FDCWD, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW, attempt);
  const filesystem = fstatfs(master, attempt);
  const node = statx(master, "", AT_EMPTY_PATH, attempt);
  proxy.ask([master, filesystem, node]);
  const found = parseStatx(node.out.bytes);
  const magic = viewOf(filesystem.out.bytes).getUint32(0, true);
  const isPtmx = found.type === S_IFCHR && found.nodeMajor === 5 && found.nodeMinor === 2;
  if (magic !== DEVPTS_SUPER_MAGIC || !isPtmx || found.inode !== PTMX_INODE) {
    throw new TsrunError("E_CONFIG", `cannot ${attempt}: "/dev/pts/ptmx" is no pty multiplexer`, {
      hint: `a container with a terminal needs a devpts mount on /dev/pts, with the option newinstance`,
    });
  }
  const unlocked = data(new Uint8Array(4), () => "[0]");
  const slave = operation(
    "ioctl",
    [resultOf(master), shown(TIOCGPTPEER, "TIOCGPTPEER"), O_RDWR | O_NOCTTY],
    attempt,
  );
  proxy.ask([
    operation("ioctl", [resultOf(master), shown(TIOCSPTLCK, "TIOCSPTLCK"), unlocked], attempt),
    slave,
    ...(size === undefined ? [] : [resize(resultOf(master), size)]),
  ]);
  return { master: resultOf(master), slave: resultOf(slave) };
}

/** Sets the size that programs in the terminal see. */
export function resize(terminal: number, { height, width }: ConsoleSize): Operation {
  const size = new Uint8Array(8);
  viewOf(size).setUint16(0, height, true);
  viewOf(size).setUint16(2, width, true);
  const shownSize = data(size, () => `{ws_row=${height}, ws_col=${width}}`);
  return operation(
    "ioctl",
    [terminal, shown(TIOCSWINSZ, "TIOCSWINSZ"), shownSize],
    "set the terminal's size",
  );
}

/**
 * Sends the master to the other end of `socket`, in the single message that receivers expect from runc.
 */
export function sendMaster(socket: number, master: number): Operation {
  return operation(
    "sendmsg",
    [socket, descriptorMessage(MASTER_NAME, [master]), 0],
    "send the terminal to the console socket",
  );
}

const ADOPT = "make the terminal the container's own";

/** Makes the terminal descriptors 0 to 2. */
export function adoptTerminal(slave: number): Operation[] {
  return [...[0, 1, 2].map((target) => dup3(slave, target, 0, ADOPT)), close(slave)];
}

/** Makes the terminal the controlling terminal of the process's session, which must exist. */
export function controlSession(): Operation {
  return operation("ioctl", [0, shown(TIOCSCTTY, "TIOCSCTTY"), 0], ADOPT);
}

/** `struct msghdr` with a name and descriptors (unix(7), cmsg(3)). */
function descriptorMessage(name: string, descriptors: readonly number[]): Data {
  const payload = data(utf8(name), () => JSON.stringify(name));
  const vector = data(u64Struct(0, payload.bytes.length), () => "", [{ offset: 0, to: payload }]);
  const length = 16 + descriptors.length * 4;
  const control = new Uint8Array((length + 7) & ~7);
  const view = viewOf(control);
  view.setUint32(0, length, true);
  view.setInt32(8, SOL_SOCKET, true);
  view.setInt32(12, SCM_RIGHTS, true);
  descriptors.forEach((one, index) => {
    view.setInt32(16 + index * 4, one, true);
  });
  const rights = data(control, () => "");
  return data(
    u64Struct(0, 0, 0, 1, 0, control.length, 0),
    () => `{msg_iov=[${JSON.stringify(name)}], SCM_RIGHTS=[${descriptors.join(", ")}]}`,
    [
      { offset: 16, to: vector },
      { offset: 32, to: rights },
    ],
  );
}
