// Whether /proc counts processes as tsrun does. Called before a pid of /proc is recorded or signalled, and
// before a process that is not in /proc counts as ended.

import { TsrunError } from "../../errors.ts";
import { tryCall } from "../call/call.ts";
import { AT_FDCWD } from "../numbers/fcntl.ts";

/** What tsrun needs. */
export const PROC_HINT =
  "tsrun needs the /proc of its own pid namespace, mounted without hidepid for its own processes";

/** Room for a pid, which has at most seven digits. It is used by every call. */
const link = new Uint8Array(16);
const DIGIT_0 = 0x30;

/**
 * In the /proc of another pid namespace our processes' ids belong to others, and those of its processes may
 * belong to others here. proc(5): /proc/self names the process that reads it, as that namespace counts.
 */
export function checkProc(): void {
  const self = ownPid();
  if (self === process.pid) return;
  const there = self < 0 ? "is not there" : `is process ${self} there`;
  const words = `cannot use /proc: tsrun, process ${process.pid}, ${there}`;
  throw new TsrunError("E_SYSCALL", words, { hint: PROC_HINT });
}

/** Like `checkProc`, but returns whether it is so. */
export function isProcOwn(): boolean {
  return ownPid() === process.pid;
}

/** Our pid in /proc; -1 if we are not there. */
function ownPid(): number {
  const length = tryCall("readlinkat", AT_FDCWD, "/proc/self", link, link.length);
  let self = length < 0 ? -1 : 0;
  for (let at = 0; at < length; at++) self = self * 10 + (link[at] as number) - DIGIT_0;
  return self;
}
