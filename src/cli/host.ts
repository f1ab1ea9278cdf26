// The host as the command line needs it: standard streams, the log file, the process's identity.

import { TsrunError, throwIfOutOfMemory, wrapError } from "../errors.ts";
import { tryCall } from "../linux/call/call.ts";
import { viewOf } from "../linux/call/words.ts";
import {
  type Descriptor,
  makeDirectories,
  makeDirectory,
  open,
  readTextIfThere,
  status,
  writeAll,
} from "../linux/files/files.ts";
import { connectUnix } from "../linux/files/unix-sockets.ts";
import { writeToReader } from "../linux/files/write-to-reader.ts";
import { errnoName, errnoWords } from "../linux/numbers/errno.ts";
import { AT_FDCWD, O_APPEND, O_CREAT, O_NONBLOCK, O_WRONLY, S_IFREG } from "../linux/numbers/fcntl.ts";
import { SOCK_DGRAM } from "../linux/numbers/socket-numbers.ts";
import { effectiveUid } from "../linux/process/process.ts";
import { type HostFacts, isBelowRuntimeDirectory } from "./globals.ts";
import { DAEMON_SOCKETS, type LogDaemon } from "./log-target.ts";
import type { CommandHost, Globals } from "./options.ts";

/** ioctl(2) TCGETS of asm-generic/ioctls.h */
const TCGETS = 0x5401;
const TIOCGWINSZ = 0x5413;
/** Bytes of `struct termios`, with room to spare. */
const TERMIOS_SIZE = 64;

/** Writes to stdout. */
export function print(text: string): void {
  writeAll(1, text, "to stdout");
}

/** Writes to stderr, and ignores failures: they cannot be reported anywhere. */
export function printError(text: string): void {
  try {
    writeToReader(2, text, "to stderr");
  } catch {
    // Only the exit status can still tell.
  }
}

/**
 * Opens the log. Several commands write to the same file, so O_APPEND keeps each line whole. Without
 * O_NONBLOCK the open of a FIFO would wait for a reader; with it, it fails with ENXIO (fifo(7)).
 */
export function openLog(path: string): Descriptor {
  return open(path, O_CREAT | O_WRONLY | O_APPEND | O_NONBLOCK, { mode: 0o644 });
}

/** Connects to the socket of a log daemon. Does not wait for a daemon that does not read. */
export function connectToDaemon(kind: LogDaemon["kind"]): Descriptor {
  const path = DAEMON_SOCKETS[kind];
  const connected = connectUnix(path, SOCK_DGRAM, { waits: false });
  if (typeof connected !== "number") return connected;
  throw new TsrunError(
    "E_SYSCALL",
    `cannot log to ${kind}: connect to "${path}": ${errnoWords(-connected)}`,
    {
      errno: errnoName(-connected),
      hint: "this host may have no such log daemon; --log PATH writes to a file",
    },
  );
}

/** Whether it is a regular file, and not a pipe, a terminal or a socket. */
export function isRegularFile(file: Descriptor): boolean {
  return status("", { at: file.number, itself: true })?.type === S_IFREG;
}

/** Whether a descriptor is a terminal. */
export function isTerminal(fd: number): boolean {
  return tryCall("ioctl", fd, TCGETS, new Uint8Array(TERMIOS_SIZE)) === 0;
}

/** How many columns the terminal has; `undefined` if it is none, or does not say. */
export function terminalWidth(fd: number): number | undefined {
  const size = new Uint8Array(8);
  if (tryCall("ioctl", fd, TIOCGWINSZ, size) < 0) return undefined;
  const columns = viewOf(size).getUint16(2, true);
  return columns === 0 ? undefined : columns;
}

/** Creates a state root below $XDG_RUNTIME_DIR. The sticky bit protects it from being cleaned up. */
function prepareRoot(globals: Globals): void {
  if (!isBelowRuntimeDirectory(globals)) return;
  const { root } = globals;
  try {
    makeDirectories(root.slice(0, root.lastIndexOf("/")), 0o700);
    if (!makeDirectory(root, 0o1700)) tryCall("fchmodat", AT_FDCWD, root, 0o1700);
  } catch (error) {
    throwIfOutOfMemory(error);
    const hint = "XDG_RUNTIME_DIR must name a directory that you may write to; --root names another";
    throw new TsrunError("E_SYSCALL", wrapError("cannot make the state root", error).message, {
      hint,
      cause: error,
    });
  }
}

/** Whether this is not the initial user namespace: its map is not the identity (user_namespaces(7)). */
function inUserNamespace(): boolean {
  const map = readTextIfThere("/proc/self/uid_map");
  return map !== undefined && !/^\s*0\s+0\s+4294967295\s*$/.test(map);
}

/** Somebody may have removed it. */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch (error) {
    throw new TsrunError("E_SYSCALL", "cannot find out the working directory: no such file or directory", {
      errno: "ENOENT",
      hint: "it was removed: change to one that exists",
      cause: error,
    });
  }
}

export const host: HostFacts & CommandHost = {
  // Read when it is first needed.
  get env() {
    return process.env;
  },
  get pid() {
    return process.pid;
  },
  cwd: workingDirectory,
  effectiveUid,
  terminalWidth: () => terminalWidth(1),
  inUserNamespace,
  print,
  printError,
  prepareRoot,
};
