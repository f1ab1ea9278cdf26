// The last operations of a process before it executes the container's program, for the stories' last batch.
// Pure.
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
 * Marks every descriptor from `first` on close-on-exec, so that the program gets only the requested ones,
 * whatever the caller has leaked (CVE-2024-21626). They are not closed at once, since a failed execve still
 * needs one to answer.
 */
export function closeOnExecute(first: number): Operation {
  const how = shown(CLOSE_RANGE_CLOEXEC, "CLOSE_RANGE_CLOEXEC");
  // Linux 5.11. Our own descriptors are close-on-exec anyway.
  return orGoOn(operation("close_range", [first, LAST, how], "close descriptors for the program"));
}

/**
 * Closes every descriptor from `first` on except those in `kept`: a process that waits for `start` keeps
 * nothing else open.
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

/** Linux 5.9. If it is missing, nothing is left open: all code closes the descriptors that it opens. */
function closeRange(from: number, to: number | Shown): Operation {
  return orGoOn(operation("close_range", [from, to, 0], "close descriptors"));
}

const LAST = shown(0xffffffff, "~0U");

/** The signals with which users end a program. */
const TERMINATING = [
  ["SIGHUP", SIGHUP],
  ["SIGINT", SIGINT],
  ["SIGQUIT", SIGQUIT],
  ["SIGTERM", SIGTERM],
] as const;

/**
 * Lets signals end a waiting process. Process 1 of a pid namespace gets only SIGKILL and signals for which it
 * has a handler (pid_namespaces(7)); runc's waiting process has Go's handlers. execve(2) resets them to the
 * default.
 */
export function handleTermination(): Operation[] {
  const action = data(u64Struct(TERMINATE, SA_RESTORER, TERMINATE, 0), () => "{exit}");
  return TERMINATING.map(([name, signal]) =>
    operation("rt_sigaction", [shown(signal, name), action, 0, SIGNAL_SET_SIZE], `handle ${name}`),
  );
}

/** A limit that the process sets itself, which can only lower it or keep it. */
export function limitItself({ name, resource, soft, hard }: PlannedRlimit): Operation {
  const limit = data(u64Struct(soft, hard), () => `{${soft}, ${hard}}`);
  return operation("prlimit64", [0, shown(resource, name), limit, 0], `set ${name}`);
}

/** execve(2): an answer means that it has failed. */
export function execute({ args }: ProcessPlan, { path, environment }: Executable): Operation {
  return execve(path, args, environment);
}
