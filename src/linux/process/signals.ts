// Receives signals as data, by signalfd(2). Called by a foreground `run` and `exec`. The engine has one
// thread, so no other thread takes the signals that it blocks; programs are started with no signal blocked
// (spawn.ts).

import { mustCall, tryCall } from "../call/call.ts";
import { u32Array, viewOf } from "../call/words.ts";
import { Descriptor } from "../files/files.ts";
import { SFD_CLOEXEC, SFD_NONBLOCK, SIG_BLOCK, SIGNAL_SET_SIZE, SIGPIPE } from "../numbers/sched.ts";

/** Bytes of `struct signalfd_siginfo` (signalfd(2)), of which the first four are the signal's number. */
const SIGINFO_SIZE = 128;
/** Of `ssi_pid` in it, the sender. */
const SENDER_OFFSET = 12;

/**
 * Not received: signals of our own faults (ILL, TRAP, BUS, FPE, SEGV, SYS), and the two that the C library
 * uses. The kernel itself leaves out those that cannot be caught.
 */
const LEFT_ALONE: readonly number[] = [4, 5, 7, 8, 11, 31, 32, 33];

/** Blocks signals; from now on they arrive only at the descriptor that this returns. */
export function receiveSignals(): Descriptor {
  const set = setOf(LEFT_ALONE).map((bits) => ~bits);
  mustCall("hold signals back", "rt_sigprocmask", SIG_BLOCK, set, 0, SIGNAL_SET_SIZE);
  return descriptorFor(set);
}

/**
 * A descriptor that is ready as soon as one of these signals has arrived at that of `receiveSignals`, and
 * until it is taken from there.
 */
export function watchSignals(signals: readonly number[]): Descriptor {
  return descriptorFor(setOf(signals));
}

/** `sigset_t` */
function setOf(signals: readonly number[]): Uint8Array {
  const words = [0, 0];
  for (const signal of signals) {
    const word = (signal - 1) >> 5;
    words[word] = (words[word] ?? 0) | (1 << ((signal - 1) & 31));
  }
  return u32Array(words);
}

function descriptorFor(set: Uint8Array): Descriptor {
  const flags = SFD_CLOEXEC | SFD_NONBLOCK;
  return new Descriptor(mustCall("receive signals", "signalfd4", -1, set, SIGNAL_SET_SIZE, flags));
}

/**
 * The number of the next signal; `undefined` if there is none. The SIGPIPE that the kernel sends for a write
 * of our own, which has failed with EPIPE as well, is left out: nobody has asked for it. (at-start.ts ignores
 * SIGPIPE, but the kernel keeps a blocked signal for signalfd(2) all the same.)
 */
export function nextSignal(from: Descriptor): number | undefined {
  const info = new Uint8Array(SIGINFO_SIZE);
  const words = viewOf(info);
  while (tryCall("read", from.number, info, info.length) === info.length) {
    const signal = words.getUint32(0, true);
    if (signal !== SIGPIPE || words.getUint32(SENDER_OFFSET, true) !== process.pid) return signal;
  }
  return undefined;
}
