// Connects the caller's terminal to a container's: raw mode, both directions, size; restores it on every way
// out. Called by a foreground `run` and `exec`. termios(3), ioctl_tty(2).

import { TsrunError } from "../errors.ts";
import { mustCall, tryCall } from "../linux/call/call.ts";
import { viewOf } from "../linux/call/words.ts";
import type { Descriptor } from "../linux/files/files.ts";
import { type PollEntry, poll } from "../linux/files/poll.ts";
import { EAGAIN } from "../linux/numbers/errno.ts";
import { AT_FDCWD, F_SETFL, O_CLOEXEC, O_NOCTTY, O_NONBLOCK, O_RDWR } from "../linux/numbers/fcntl.ts";
import { POLLERR, POLLHUP, POLLIN, POLLOUT } from "../linux/numbers/sched.ts";
import { CallerEnd } from "./caller-end.ts";

const TCGETS = 0x5401;
const TCSETS = 0x5402;
const TIOCGWINSZ = 0x5413;
const TIOCSWINSZ = 0x5414;
/** `struct termios` of the kernel: four flag words, line discipline, 19 control characters. */
const TERMIOS_SIZE = 36;

const IGNBRK_TO_IXON = 0o1 | 0o2 | 0o10 | 0o40 | 0o100 | 0o200 | 0o400 | 0o2000;
const ONLCR = 0o4;
const ECHO_ICANON_ISIG_IEXTEN = 0o10 | 0o100 | 0o2 | 0o1 | 0o100000;
const CSIZE_PARENB = 0o60 | 0o400;
const CS8 = 0o60;
const VTIME = 5;
const VMIN = 6;
const CONTROL_CHARACTERS_OFFSET = 17;

/** How many bytes one direction may buffer. */
const CAPACITY = 65536;

/** How long to wait, in milliseconds, for output that is left when the process has ended. */
const DRAIN_MS = 100;
/** How long to wait for a reader of that output who reads nothing, in milliseconds. */
const READER_MS = 10_000;

/** Where one direction leads. */
interface Target {
  readonly number: number;
  write(bytes: Uint8Array): number;
}

/** One direction: the bytes that were read and not yet written. */
class Flow {
  readonly #from: { readonly number: number };
  readonly #to: Target;
  #held: Uint8Array = new Uint8Array(0);
  ended = false;
  /** Bytes that were passed on, or dropped because nobody reads them. */
  moved = 0;

  constructor(from: { readonly number: number }, to: Target) {
    this.#from = from;
    this.#to = to;
  }

  /** How many bytes wait to be written. */
  get held(): number {
    return this.#held.length;
  }

  wanted(): PollEntry {
    if (this.#held.length > 0) return { fd: this.#to.number, events: POLLOUT };
    return this.ended ? { fd: -1, events: 0 } : { fd: this.#from.number, events: POLLIN };
  }

  /** Moves as much as possible without waiting; `events` is the result of poll(2). */
  move(events: number): void {
    if (events === 0) return;
    if (this.#held.length === 0 && (events & (POLLIN | POLLHUP | POLLERR)) !== 0) this.#take();
    if (this.#held.length > 0) this.#give();
  }

  #take(): void {
    const buffer = new Uint8Array(CAPACITY);
    const got = tryCall("read", this.#from.number, buffer, buffer.length);
    if (got === -EAGAIN) return;
    // EIO from a master: the last process with the slave open has closed it.
    if (got <= 0) this.ended = true;
    else this.#held = buffer.subarray(0, got);
  }

  #give(): void {
    const written = this.#to.write(this.#held);
    if (written === -EAGAIN) return;
    const gone = written > 0 ? written : this.#held.length;
    this.#held = this.#held.subarray(gone);
    this.moved += gone;
  }
}

/** The host's terminal, its mode, and the container's master. */
export class TerminalRelay implements Disposable {
  readonly #host: number;
  readonly #master: Descriptor;
  readonly #saved: Uint8Array;
  readonly #stdin = CallerEnd.input();
  readonly #stdout = CallerEnd.output();
  readonly #input: Flow;
  readonly #output: Flow;
  readonly #warn: (message: string) => void;

  constructor(host: number, master: Descriptor, warn: (message: string) => void) {
    this.#host = host;
    this.#master = master;
    this.#warn = warn;
    this.#saved = readMode(host);
    const { number } = master;
    const write = (bytes: Uint8Array): number => tryCall("write", number, bytes, bytes.length);
    this.#input = new Flow(this.#stdin, { number, write });
    this.#output = new Flow(master, this.#stdout);
    // A blocking write to the master could wait for a program that itself waits for us to read its output.
    mustCall("make the terminal's master not wait", "fcntl", master.number, F_SETFL, O_NONBLOCK);
    writeMode(host, rawMode(this.#saved));
    // AS RUNC: only the outer terminal turns newlines into carriage returns.
    writeMode(master.number, withoutNewlineProcessing(readMode(master.number)));
    this.resize();
  }

  /** Gives the inner terminal the outer one's size: at the beginning and at each SIGWINCH. */
  resize(): void {
    const size = new Uint8Array(8);
    if (tryCall("ioctl", this.#host, TIOCGWINSZ, size) === 0) {
      tryCall("ioctl", this.#master.number, TIOCSWINSZ, size);
    }
  }

  wanted(): readonly PollEntry[] {
    return [this.#input.wanted(), this.#output.wanted()];
  }

  move([input = 0, output = 0]: readonly number[]): void {
    this.#input.move(input);
    this.#output.move(output);
  }

  /**
   * Passes on the output that is left when the container's process has ended; other processes may go on
   * writing, so no more than a terminal holds. A pipe is made large enough for that, so that nobody waits for
   * its reader; any other reader gets some time.
   */
  drain(): void {
    const output = this.#output;
    const most = output.moved + 2 * CAPACITY;
    let mayMakeRoom = true;
    while ((!output.ended || output.held > 0) && output.moved < most) {
      let events = waitFor(output.wanted(), DRAIN_MS);
      if (events === 0 && output.held === 0) return;
      if (events === 0 && mayMakeRoom) {
        mayMakeRoom = false;
        if (this.#stdout.makeRoom(3 * CAPACITY)) continue;
      }
      if (events === 0) events = waitFor(output.wanted(), READER_MS);
      if (events === 0) {
        this.#warn(
          `nobody reads standard output: ${output.held} bytes of the program's last output are lost`,
        );
        return;
      }
      output.move(events);
    }
  }

  [Symbol.dispose](): void {
    writeMode(this.#host, this.#saved);
    this.#stdin[Symbol.dispose]();
    this.#stdout[Symbol.dispose]();
    this.#master.close();
  }
}

function waitFor(entry: PollEntry, limitMs: number): number {
  return poll([entry], limitMs)[0] ?? 0;
}

/** The caller's terminal. AS RUNC: the first of descriptors 2, 1, 0 that is one, or /dev/tty. */
export function findHostTerminal(): number {
  for (const candidate of [2, 1, 0]) {
    if (tryCall("ioctl", candidate, TCGETS, new Uint8Array(TERMIOS_SIZE)) === 0) return candidate;
  }
  const controlling = tryCall("openat", AT_FDCWD, "/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC, 0);
  if (controlling >= 0) return controlling;
  throw new TsrunError("E_STATE", "cannot find a terminal: none of standard input, output and error is one", {
    hint: "set process.terminal to false, or detach with --console-socket",
  });
}

export function readMode(terminal: number): Uint8Array {
  const mode = new Uint8Array(TERMIOS_SIZE);
  mustCall("read the terminal's mode", "ioctl", terminal, TCGETS, mode);
  return mode;
}

export function writeMode(terminal: number, mode: Uint8Array): void {
  tryCall("ioctl", terminal, TCSETS, mode);
}

/** Turns off the conversion of newlines, so that output reaches a pipe of the caller unchanged. */
function withoutNewlineProcessing(saved: Uint8Array): Uint8Array {
  const mode = saved.slice();
  viewOf(mode).setUint32(4, viewOf(mode).getUint32(4, true) & ~ONLCR, true);
  return mode;
}

/** cfmakeraw(3), but output processing stays: the outer terminal turns newlines into carriage returns. */
function rawMode(saved: Uint8Array): Uint8Array {
  const mode = saved.slice();
  const view = viewOf(mode);
  view.setUint32(0, view.getUint32(0, true) & ~IGNBRK_TO_IXON, true);
  view.setUint32(8, (view.getUint32(8, true) & ~CSIZE_PARENB) | CS8, true);
  view.setUint32(12, view.getUint32(12, true) & ~ECHO_ICANON_ISIG_IEXTEN, true);
  mode[CONTROL_CHARACTERS_OFFSET + VTIME] = 0;
  mode[CONTROL_CHARACTERS_OFFSET + VMIN] = 1;
  return mode;
}
