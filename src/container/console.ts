// Where a terminal's master goes: to the caller's console socket, or to us when we stay in the foreground.
// The rules and their words are runc's (runc: utils_linux.go, setupIO and checkTerminal). Called by create,
// run and exec.

import { TsrunError } from "../errors.ts";
import type { Descriptor } from "../linux/files.ts";
import { SOCK_STREAM } from "../linux/socket-numbers.ts";
import { socketPair } from "../linux/sockets.ts";
import { findHostTerminal } from "../terminal/relay.ts";
import { connectTo } from "../terminal/socket.ts";

export interface ConsoleRequest {
  readonly foreground: boolean;
  /** `process.terminal` */
  readonly terminal: boolean;
  /** `--console-socket` */
  readonly socket: string | undefined;
}

export interface Console {
  /** What the first process sends the master to; it must be closed here once that process has it. */
  readonly socket: Descriptor | undefined;
  /** Our end, in the foreground. */
  readonly ours: Descriptor | undefined;
}

/**
 * Opens what the terminal is sent through. Throws when flags and `process.terminal` contradict each other.
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
  // Before anything is made: without a terminal of the caller's there is nothing to show the container's on.
  findHostTerminal();
  // The first process sends the master to one end, `receiveMaster` reads the other.
  const [ours, theirs] = socketPair(SOCK_STREAM);
  return { socket: theirs, ours };
}
