// What a program has to see to before it does anything else. Called by main.ts.

import { tryCall } from "../call/call.ts";
import { cString, u64Struct } from "../call/words.ts";
import { AT_FDCWD, F_GETFD, O_RDWR } from "../numbers/fcntl.ts";
import { SIGCHLD, SIGNAL_SET_SIZE, SIGPIPE } from "../numbers/sched.ts";

const SIG_DFL = 0;
const SIG_IGN = 1;

/**
 * Makes sure that descriptors 0 to 2 are open, so that no file of ours becomes somebody's stdout, that a
 * reader who has left is an error (EPIPE), not the end, and that children can be waited for: a caller who
 * ignores SIGCHLD would have us do so, and then wait4(2) knows of no child. AS RUNC: nor does the container
 * inherit that (spawn.ts).
 */
export function settle(): void {
  for (const fd of [0, 1, 2]) {
    // open(2) takes the lowest number that is free, which is this one.
    if (tryCall("fcntl", fd, F_GETFD) < 0) tryCall("openat", AT_FDCWD, cString("/dev/null"), O_RDWR, 0);
  }
  // struct sigaction of the kernel: handler, flags, restorer, mask.
  tryCall("rt_sigaction", SIGPIPE, u64Struct(SIG_IGN, 0, 0, 0), 0, SIGNAL_SET_SIZE);
  tryCall("rt_sigaction", SIGCHLD, u64Struct(SIG_DFL, 0, 0, 0), 0, SIGNAL_SET_SIZE);
}
