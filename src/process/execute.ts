// The very last operations of a process before it is the container's, for the stories' last batch. Pure.
//
//   closeOnExecute()  handleTermination()  outliveTsrun()  placeFilter().beforeWaiting  (wait for `start`)
//   placeFilter().beforeExecute  execute()
//
// Nothing may open a descriptor after `closeOnExecute`.

import { u64Struct } from "../linux/call/words.ts";
import { CLOSE_RANGE_CLOEXEC } from "../linux/numbers/fcntl.ts";
import { SA_RESTORER, SIGHUP, SIGINT, SIGNAL_SET_SIZE, SIGQUIT, SIGTERM } from "../linux/numbers/sched.ts";
import { data, type Shown, shown } from "../proxy/calls/arguments.ts";
import { execve } from "../proxy/calls/calls.ts";
import { type Operation, operation, orGoOn } from "../proxy/calls/operation.ts";
import { TERMINATE } from "../proxy/machine/elf.ts";
import type { Executable } from "./become-user.ts";
import type { PlannedRlimit, ProcessPlan } from "./plan.ts";

/**
 * Marks every descriptor from `first` on close-on-exec: whatever the caller leaked, nothing but what was
 * asked for reaches the program (CVE-2024-21626). Not closed at once: the answer of a failed execve still
 * needs one.
 */
export function closeOnExecute(first: number): Operation {
  const how = shown(CLOSE_RANGE_CLOEXEC, "CLOSE_RANGE_CLOEXEC");
  // Linux 5.11. What we know of is close-on-exec without it.
  return orGoOn(operation("close_range", [first, LAST, how], "close descriptors for the program"));
}

/**
 * Closes everything from `first` on but what `kept` lists: a process that waits for `start` holds on to
 * nothing.
 */
export function closeAllBut(first: number, kept: readonly number[]): Operation[] {
  const operations: Operation[] = [];
  let from = first;
  for (const one of [...kept].sort((a, b) => a - b)) {
    if (one > from) operations.push(closeRange(from, one - 1));
    from = one + 1;
  }
  operations.push(closeRange(from, LAST));
  return operations;
}

/** Linux 5.9. Whoever opens something closes it as well, so where it is missing there is nothing to close. */
function closeRange(from: number, to: number | Shown): Operation {
  return orGoOn(operation("close_range", [from, to, 0], "close descriptors"));
}

const LAST = shown(0xffffffff, "~0U");

/** What people end a program with. */
const TERMINATING = [
  ["SIGHUP", SIGHUP],
  ["SIGINT", SIGINT],
  ["SIGQUIT", SIGQUIT],
  ["SIGTERM", SIGTERM],
] as const;

/**
 * Lets a process that waits be ended by signals. Process 1 of a pid namespace gets none without a handler,
 * SIGKILL apart (pid_namespaces(7)); runc's waiting process has the handlers of Go.
 * execve(2) makes all of them the default again.
 */
export function handleTermination(): Operation[] {
  const action = data(u64Struct(TERMINATE, SA_RESTORER, TERMINATE, 0), () => "{exit}");
  return TERMINATING.map(([name, signal]) =>
    operation("rt_sigaction", [shown(signal, name), action, 0, SIGNAL_SET_SIZE], `handle ${name}`),
  );
}

/** A limit that the process lowers for itself, or leaves as it is. */
export function limitItself({ name, resource, soft, hard }: PlannedRlimit): Operation {
  const limit = data(u64Struct(soft, hard), () => `{${soft}, ${hard}}`);
  return operation("prlimit64", [0, shown(resource, name), limit, 0], `set ${name}`);
}

/** execve(2): what answers it failed. */
export function execute({ args }: ProcessPlan, { path, environment }: Executable): Operation {
  return execve(path, args, environment);
}
