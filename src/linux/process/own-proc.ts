// Whether /proc counts processes as tsrun does. Called before a pid of /proc is recorded or signalled.

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
  const { pid } = process;
  const length = tryCall("readlinkat", AT_FDCWD, "/proc/self", link, link.length);
  let self = 0;
  for (let at = 0; at < length; at++) self = self * 10 + (link[at] as number) - DIGIT_0;
  if (self === pid) return;
  const there = length < 0 ? "is not there" : `is process ${self} there`;
  throw new TsrunError("E_SYSCALL", `cannot use /proc: tsrun, process ${pid}, ${there}`, { hint: PROC_HINT });
}
