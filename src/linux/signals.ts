// Signals as data: blocked, and read from a descriptor (signalfd(2)). Called by a foreground `run` and `exec`.

import { mustCall, tryCall } from "./call.ts";
import { O_CLOEXEC, O_NONBLOCK } from "./fcntl.ts";
import { Descriptor } from "./files.ts";
import { viewOf } from "./words.ts";

const SIG_SETMASK = 2;
/** The kernel's signal set: 64 bits. */
const SET_SIZE = 8;
const SIGINFO_SIZE = 128;

/**
 * Blocks every signal for this thread, and for those it starts, and returns a descriptor to read them from.
 * Must come before the engine has started threads: a signal goes to any thread that does not block it.
 */
export function receiveSignals(): Descriptor {
  const all = new Uint8Array(SET_SIZE).fill(0xff);
  mustCall("block signals", "rt_sigprocmask", SIG_SETMASK, all, 0, SET_SIZE);
  return new Descriptor(mustCall("receive signals", "signalfd4", -1, all, SET_SIZE, O_CLOEXEC | O_NONBLOCK));
}

/** The number of the next pending signal; `undefined` when there is none. */
export function nextSignal(from: Descriptor): number | undefined {
  const info = new Uint8Array(SIGINFO_SIZE);
  const got = tryCall("read", from.number, info, info.length);
  return got === SIGINFO_SIZE ? viewOf(info).getUint32(0, true) : undefined;
}
