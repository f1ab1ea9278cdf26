// Draws a page on the caller's terminal again and again, as top(1) does: on the alternate screen, with keys
// read one by one, and everything as it was on every way out. Called by `top`. console_codes(4), termios(3).

import { tryCall } from "../linux/call/call.ts";
import { viewOf } from "../linux/call/words.ts";
import { type Descriptor, writeAll } from "../linux/files/files.ts";
import { poll } from "../linux/files/poll.ts";
import { POLLIN, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGWINCH } from "../linux/numbers/sched.ts";
import { nextSignal, receiveSignals } from "../linux/process/signals.ts";
import { readMode, writeMode } from "./relay.ts";

const TCGETS = 0x5401;
const TIOCGWINSZ = 0x5413;
/** Flags of `c_lflag`. */
const ICANON_ECHO = 0o2 | 0o10;
const LOCAL_FLAGS_OFFSET = 12;

const BEGIN = "\u001b[?1049h\u001b[?25l";
const END = "\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_REST = "\u001b[J";

export interface Size {
  readonly rows: number;
  readonly columns: number;
}

/** Why it is time to go on: the time has passed, the size has changed, or somebody wants the end. */
export type Wake = "time" | "size" | { readonly status: number };

export class Screen implements Disposable {
  readonly #signals: Descriptor;
  /** The mode of standard input before; `undefined` if no keys can be read. */
  readonly #saved: Uint8Array | undefined;
  #keys: boolean;

  constructor() {
    this.#saved = tryCall("ioctl", 0, TCGETS, new Uint8Array(64)) === 0 ? readMode(0) : undefined;
    this.#keys = this.#saved !== undefined;
    // From here on no signal ends the process before the terminal is as it was.
    this.#signals = receiveSignals();
    if (this.#saved !== undefined) writeMode(0, withoutLines(this.#saved));
    writeAll(1, BEGIN, "to the terminal");
  }

  /** The terminal's size; what a terminal has that does not say. */
  size(): Size {
    const bytes = new Uint8Array(8);
    const failed = tryCall("ioctl", 1, TIOCGWINSZ, bytes) < 0;
    const [rows, columns] = [viewOf(bytes).getUint16(0, true), viewOf(bytes).getUint16(2, true)];
    return failed || rows === 0 || columns === 0 ? { rows: 24, columns: 80 } : { rows, columns };
  }

  /** Draws the lines from the top; those for which there is no room are left out. */
  draw(lines: readonly string[]): void {
    const { rows } = this.size();
    const shown = lines.slice(0, rows).map((line) => `${line}${CLEAR_LINE}`);
    writeAll(1, `${HOME}${shown.join("\r\n")}${CLEAR_REST}`, "to the terminal");
  }

  /** Waits so long, or until there is a reason to wake. */
  wait(milliseconds: number): Wake {
    const end = performance.now() + milliseconds;
    for (;;) {
      const left = end - performance.now();
      if (left <= 0) return "time";
      const keys = { fd: this.#keys ? 0 : -1, events: POLLIN };
      const [signalled = 0, pressed = 0] = poll([{ fd: this.#signals.number, events: POLLIN }, keys], left);
      const wake =
        (signalled === 0 ? undefined : this.#signal()) ?? (pressed === 0 ? undefined : this.#key());
      if (wake !== undefined) return wake;
    }
  }

  #signal(): Wake | undefined {
    let wake: Wake | undefined;
    for (let signal = nextSignal(this.#signals); signal !== undefined; signal = nextSignal(this.#signals)) {
      if (signal === SIGINT || signal === SIGQUIT) return { status: 0 };
      if (signal === SIGTERM || signal === SIGHUP) return { status: 128 + signal };
      if (signal === SIGWINCH) wake = "size";
    }
    return wake;
  }

  /** `q`, or the end of the input. */
  #key(): Wake | undefined {
    const bytes = new Uint8Array(64);
    const got = tryCall("read", 0, bytes, bytes.length);
    if (got === 0) return { status: 0 };
    // EIO: another job has the terminal.
    if (got < 0) this.#keys = false;
    return got > 0 && bytes.subarray(0, got).some(isEnd) ? { status: 0 } : undefined;
  }

  [Symbol.dispose](): void {
    if (this.#saved !== undefined) writeMode(0, this.#saved);
    try {
      writeAll(1, END, "to the terminal");
    } catch {
      // It is gone.
    }
    this.#signals.close();
  }
}

/** q, Q, Ctrl-D. */
const isEnd = (byte: number): boolean => byte === 0x71 || byte === 0x51 || byte === 0x04;

/** Keys come one by one and are not shown; Ctrl-C still is a signal. */
function withoutLines(saved: Uint8Array): Uint8Array {
  const mode = saved.slice();
  const view = viewOf(mode);
  view.setUint32(LOCAL_FLAGS_OFFSET, view.getUint32(LOCAL_FLAGS_OFFSET, true) & ~ICANON_ECHO, true);
  return mode;
}
