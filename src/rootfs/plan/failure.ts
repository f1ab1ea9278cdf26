// The errors of building a root: which mount, which call, the kernel's message, and the place in the
// configuration. Pure.

import { TsrunError } from "../../errors.ts";
import { errnoName, errnoWords } from "../../linux/numbers/errno.ts";
import { type Operation, render } from "../../proxy/calls/operation.ts";

export interface FailureDetails {
  /** The message of the kernel's file system context: `tmpfs: Unknown parameter 'x'`. */
  readonly log?: string | undefined;
  readonly hint?: string | undefined;
}

/** `cannot mount "proc" on "/proc": fsopen("proc", FSOPEN_CLOEXEC) = EPERM (operation not permitted)` */
export function operationFailure(failed: Operation, { log, hint }: FailureDetails = {}): TsrunError {
  const errno = -(failed.result ?? 0);
  const said = log === undefined || log === "" ? "" : `: ${log}`;
  const message = `cannot ${failed.attempt}: ${render(failed)} (${errnoWords(errno)})${said}`;
  return new TsrunError("E_SYSCALL", message, { errno: errnoName(errno), hint });
}
