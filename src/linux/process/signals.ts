// Signals as data, by signalfd(2). Called by a foreground `run` and `exec`. The engine has one thread, so
// what that blocks nobody else takes; and what is started begins with nothing blocked (spawn.ts).

import { mustCall, tryCall } from "../call/call.ts";
import { u32Array, viewOf } from "../call/words.ts";
import { Descriptor } from "../files/files.ts";
import { SFD_CLOEXEC, SFD_NONBLOCK, SIG_BLOCK, SIGNAL_SET_SIZE } from "../numbers/sched.ts";

/** Bytes of `struct signalfd_siginfo`, of which the first four are the signal's number. */
const SIGINFO_SIZE = 128;

/**
 * Left alone: what a fault of ours brings (ILL, TRAP, BUS, FPE, SEGV, SYS), what at-start.ts ignores (PIPE),
 * and the C library's own two. What cannot be caught the kernel leaves out by itself.
 */
const LEFT_ALONE: readonly number[] = [4, 5, 7, 8, 11, 13, 31, 32, 33];

/** From now on signals do nothing but wait in the descriptor that this returns. */
export function receiveSignals(): Descriptor {
  const words = [-1, -1];
  for (const signal of LEFT_ALONE) {
    const word = (signal - 1) >> 5;
    words[word] = (words[word] ?? 0) & ~(1 << ((signal - 1) & 31));
  }
  const set = u32Array(words);
  mustCall("hold signals back", "rt_sigprocmask", SIG_BLOCK, set, 0, SIGNAL_SET_SIZE);
  const flags = SFD_CLOEXEC | SFD_NONBLOCK;
  return new Descriptor(mustCall("receive signals", "signalfd4", -1, set, SIGNAL_SET_SIZE, flags));
}

/** The number of the next signal; `undefined` when there is none. */
export function nextSignal(from: Descriptor): number | undefined {
  const info = new Uint8Array(SIGINFO_SIZE);
  const got = tryCall("read", from.number, info, info.length);
  return got === info.length ? viewOf(info).getUint32(0, true) : undefined;
}
