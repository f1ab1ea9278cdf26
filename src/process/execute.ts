// The very last operations of a process before it is the container's, for the stories' last batch. Pure.
//
//   closeOnExecute()  outliveTsrun()  placeFilter().beforeWaiting  (wait for `start`)
//   placeFilter().beforeExecute  execute()
//
// Nothing may open a descriptor after `closeOnExecute`.

import { CLOSE_RANGE_CLOEXEC } from "../linux/fcntl.ts";
import { shown } from "../proxy/arguments.ts";
import { execve } from "../proxy/calls.ts";
import { type Operation, operation } from "../proxy/operation.ts";
import type { Executable } from "./become-user.ts";
import type { ProcessPlan } from "./plan.ts";

/**
 * Marks every descriptor from `first` on close-on-exec: whatever the caller leaked, nothing but what was
 * asked for reaches the program (CVE-2024-21626). Not closed at once: the answer of a failed execve still
 * needs one.
 */
export function closeOnExecute(first: number): Operation {
  const how = shown(CLOSE_RANGE_CLOEXEC, "CLOSE_RANGE_CLOEXEC");
  return operation(
    "close_range",
    [first, shown(0xffffffff, "~0U"), how],
    "close descriptors for the program",
  );
}

/** execve(2): what answers it failed. */
export function execute({ args }: ProcessPlan, { path, environment }: Executable): Operation {
  return execve(path, args, environment);
}
