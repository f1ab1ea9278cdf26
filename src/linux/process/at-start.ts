// Prepares the process before it does anything else. Called by main.ts.

import { tryCall } from "../call/call.ts";
import { u64Struct } from "../call/words.ts";
import { AT_FDCWD, F_GETFD, O_RDWR } from "../numbers/fcntl.ts";
import { SIGCHLD, SIGNAL_SET_SIZE, SIGPIPE, SIGXFSZ } from "../numbers/sched.ts";

const SIG_DFL = 0;
const SIG_IGN = 1;

/**
 * Makes sure that descriptors 0 to 2 are open, so that none of our files becomes a program's stdout; that a
 * closed pipe (EPIPE) or a file beyond RLIMIT_FSIZE (EFBIG) is an error and does not kill us; and that
 * children can be waited for: if the caller ignores SIGCHLD, so do we by inheritance, and wait4(2) finds no
 * child. AS RUNC: the container does not inherit that either (spawn.ts).
 */
export function settle(): void {
  for (const fd of [0, 1, 2]) {
    // open(2) takes the lowest number that is free, which is this one.
    if (tryCall("fcntl", fd, F_GETFD) < 0) tryCall("openat", AT_FDCWD, "/dev/null", O_RDWR, 0);
  }
  // struct sigaction of the kernel: handler, flags, restorer, mask.
  for (const signal of [SIGPIPE, SIGXFSZ]) {
    tryCall("rt_sigaction", signal, u64Struct(SIG_IGN, 0, 0, 0), 0, SIGNAL_SET_SIZE);
  }
  tryCall("rt_sigaction", SIGCHLD, u64Struct(SIG_DFL, 0, 0, 0), 0, SIGNAL_SET_SIZE);
}
