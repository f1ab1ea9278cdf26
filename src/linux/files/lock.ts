// Locks on open files, which end with the process: flock(2).

import { begin, end } from "../../spans.ts";
import { mustCall, tryCall } from "../call/call.ts";
import { EAGAIN } from "../numbers/errno.ts";
import { LOCK_EX, LOCK_NB, LOCK_UN } from "../numbers/fcntl.ts";
import type { Descriptor } from "./files.ts";

/** Waits until nobody else has the lock, and takes it. */
export function lock({ number }: Descriptor, what: string): void {
  const since = begin();
  mustCall(`lock ${what}`, "flock", number, LOCK_EX);
  if (since > 0) end(since, "wait", `wait for the lock of ${what}`);
}

/** Takes the lock if it is free. False if somebody else has it. */
export function tryLock({ number }: Descriptor): boolean {
  return tryCall("flock", number, LOCK_EX | LOCK_NB) !== -EAGAIN;
}

/** If this fails, the lock ends with the process. */
export function unlock({ number }: Descriptor): void {
  tryCall("flock", number, LOCK_UN);
}
