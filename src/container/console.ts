// The terminal of a process. Its master goes to the caller's console socket, or to tsrun itself in the
// foreground; its slave becomes standard input and output. The rules and their words are runc's (runc:
// utils_linux.go, setupIO and checkTerminal). Called by create, run, exec and restore.

import { TsrunError } from "../errors.ts";
import type { Descriptor } from "../linux/files/files.ts";
import { socketPair } from "../linux/files/sockets.ts";
import { SOCK_STREAM } from "../linux/numbers/socket-numbers.ts";
import { close } from "../proxy/calls/calls.ts";
import type { Conversation } from "../proxy/conversation.ts";
import { coverConsole } from "../rootfs/build/console.ts";
import type { Rootfs } from "../rootfs/rootfs.ts";
import type { Spec } from "../spec/types.ts";
import { adoptTerminal, controlSession, openPty, sendMaster } from "../terminal/console.ts";
import { findHostTerminal, TerminalRelay } from "../terminal/relay.ts";
import { connectTo, receiveMaster } from "../terminal/socket.ts";
import type { GlobalOptions } from "./options.ts";

export interface ConsoleRequest {
  readonly foreground: boolean;
  /** `process.terminal` */
  readonly terminal: boolean;
  /** `--console-socket` */
  readonly socket: string | undefined;
}

export interface Console {
  /**
   * The socket that the first process sends the master through; to be closed here once that process has it.
   */
  readonly socket: Descriptor | undefined;
  /** Our end, in the foreground. */
  readonly ours: Descriptor | undefined;
}

/**
 * Opens the socket that the terminal is sent through. Throws if the flags and `process.terminal` contradict
 * each other.
 */
export function openConsole({ foreground, terminal, socket }: ConsoleRequest): Console {
  if (socket !== undefined) {
    if (terminal && !foreground) return { socket: connectTo(socket, "--console-socket"), ours: undefined };
    throw new TsrunError("E_USAGE", "cannot use console socket if runc will not detach or allocate tty", {
      hint: "leave out --console-socket, or set process.terminal to true and detach",
    });
  }
  if (!terminal) return { socket: undefined, ours: undefined };
  if (!foreground) {
    throw new TsrunError(
      "E_USAGE",
      "cannot allocate tty if runc will detach without setting console socket",
      {
        hint: "add --console-socket PATH, or set process.terminal to false",
      },
    );
  }
  // Checked before anything is made: without a terminal of the caller's, the container's cannot be shown.
  findHostTerminal();
  // The first process sends the master to one end, `receiveMaster` reads the other.
  const [ours, theirs] = socketPair(SOCK_STREAM);
  return { socket: theirs, ours };
}

/**
 * Goes with `prepareForeground`. Connects the container's terminal, if it has one, to the caller's. The relay
 * has to be disposed of on every way out.
 */
export function attachTerminal(
  terminal: Descriptor | undefined,
  { log }: Pick<GlobalOptions, "log">,
): TerminalRelay | undefined {
  if (terminal === undefined) return undefined;
  return new TerminalRelay(findHostTerminal(), receiveMaster(terminal), (message) => log.warning(message));
}

export interface TerminalOptions {
  readonly size: NonNullable<Spec["process"]>["consoleSize"];
  /** The descriptor, in the proxy, that the master is sent through. */
  readonly socket: number;
  /** The root whose `/dev/console` it becomes, for a container that is being made. */
  readonly rootfs?: Rootfs;
  /** The process has no session yet: once it has one, the caller sends `controlSession`. */
  readonly withoutSession?: boolean;
}

/**
 * World: the container's root, all privileges. A terminal of the container's devpts becomes standard input
 * and output.
 */
export function giveTerminal(proxy: Conversation, options: TerminalOptions): void {
  const { size, socket, rootfs, withoutSession } = options;
  const pty = openPty(proxy, size);
  if (rootfs !== undefined) coverConsole(rootfs.context, pty.slave);
  const sent = [sendMaster(socket, pty.master), close(pty.master), close(socket)];
  const control = withoutSession === true ? [] : [controlSession()];
  proxy.say([...sent, ...adoptTerminal(pty.slave), ...control]);
}
