// What a program has to see to before it does anything else. Called by main.ts.

import { tryCall } from "./call.ts";
import { AT_FDCWD, F_GETFD, O_RDWR } from "./fcntl.ts";
import { SIGNAL_SET_SIZE, SIGPIPE } from "./sched.ts";
import { cString, u64Struct } from "./words.ts";

const SIG_IGN = 1;

/**
 * Makes sure that descriptors 0 to 2 are open, so that no file of ours becomes somebody's stdout, and that a
 * reader who has left is an error (EPIPE), not the end.
 */
export function settle(): void {
  for (const fd of [0, 1, 2]) {
    // open(2) takes the lowest number that is free, which is this one.
    if (tryCall("fcntl", fd, F_GETFD) < 0) tryCall("openat", AT_FDCWD, cString("/dev/null"), O_RDWR, 0);
  }
  // struct sigaction of the kernel: handler, flags, restorer, mask.
  tryCall("rt_sigaction", SIGPIPE, u64Struct(SIG_IGN, 0, 0, 0), 0, SIGNAL_SET_SIZE);
}
