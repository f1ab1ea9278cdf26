// A command that a shim runs as its child is killed when the shim dies: nobody would know what it made after
// that.

import { tryCall } from "../linux/call/call.ts";
import { PR_SET_PDEATHSIG, SIGKILL } from "../linux/numbers/sched.ts";
import { type Limits, setOpenFilesLimits } from "../linux/process/limits.ts";
import { exit } from "../linux/process/process.ts";

const ACTION = "command";

/** The arguments with which this process, a shim, runs such a command: under these limits of open files. */
export function tiedCommand(words: readonly string[], { soft, hard }: Limits): string[] {
  return [ACTION, String(process.pid), String(soft), String(hard), ...words];
}

/**
 * In the child: ties it to the shim. Returns the command's own arguments; `undefined` if it is no such
 * command.
 */
export function tieToShim([action, shim, soft = "", hard = "", ...words]: readonly string[]):
  | readonly string[]
  | undefined {
  if (action !== ACTION) return undefined;
  tryCall("prctl", PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  // If the shim died before that call, the kernel sends no signal.
  if (tryCall("getppid") !== Number(shim)) exit(1);
  if (soft !== hard) setOpenFilesLimits({ soft: BigInt(soft), hard: BigInt(hard) });
  return words;
}
