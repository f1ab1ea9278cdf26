// Prepares the process before it does anything else. Called by main.ts.

import { TsrunError } from "../../errors.ts";
import { tryCall } from "../call/call.ts";
import { u64Struct, viewOf } from "../call/words.ts";
import { status } from "../files/files.ts";
import { isNullDevice } from "../files/statx.ts";
import { errnoName, errnoWords } from "../numbers/errno.ts";
import { AT_FDCWD, F_GETFD, O_NOCTTY, O_RDWR } from "../numbers/fcntl.ts";
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
    if (tryCall("fcntl", fd, F_GETFD) < 0) fill(fd);
  }
  // struct sigaction of the kernel: handler, flags, restorer, mask.
  for (const signal of [SIGPIPE, SIGXFSZ]) {
    tryCall("rt_sigaction", signal, u64Struct(SIG_IGN, 0, 0, 0), 0, SIGNAL_SET_SIZE);
  }
  tryCall("rt_sigaction", SIGCHLD, u64Struct(SIG_DFL, 0, 0, 0), 0, SIGNAL_SET_SIZE);
}

/**
 * Opens a descriptor that is closed; those below it are open. The container inherits it, so what is called
 * /dev/null must be that device: programs write into it, and believe that nobody keeps it.
 */
function fill(fd: number): void {
  // open(2) and pipe(2) take the lowest number that is free, which is this one.
  const opened = tryCall("openat", AT_FDCWD, "/dev/null", O_RDWR | O_NOCTTY, 0);
  if (opened >= 0 && isNullDevice(status("", { at: opened, itself: true }))) return;
  if (opened >= 0) tryCall("close", opened);
  // The end to read from, of a pipe that nobody can write to: read(2) reports end of file as that of
  // /dev/null does, and write(2) fails with EBADF as on a closed descriptor. The other end would end programs
  // by SIGPIPE.
  const pair = new Uint8Array(8);
  const made = tryCall("pipe2", pair, 0);
  if (made < 0) throw unfilled(fd, -made);
  tryCall("close", viewOf(pair).getInt32(4, true));
}

function unfilled(fd: number, errno: number): TsrunError {
  const tried = "/dev/null is not the null device, or cannot be opened, and a pipe cannot be made";
  const words = `cannot open descriptor ${fd}, which is closed: ${tried}: ${errnoWords(errno)}`;
  return new TsrunError("E_SYSCALL", words, {
    errno: errnoName(errno),
    hint: "run tsrun with descriptors 0 to 2 open, for instance with </dev/null",
  });
}
