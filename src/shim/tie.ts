// A command that a shim runs as its child ends with the shim: nobody would know of what it made after that.

import { tryCall } from "../linux/call/call.ts";
import { PR_SET_PDEATHSIG, SIGKILL } from "../linux/numbers/sched.ts";
import { exit } from "../linux/process/process.ts";

const ACTION = "command";

/** The words behind the program's name by which a shim, this process, calls such a command. */
export function tiedCommand(words: readonly string[]): string[] {
  return [ACTION, String(process.pid), ...words];
}

/** In the child: ties it to the shim. Returns the command's own words; `undefined` for what is no command. */
export function tieToShim([action, shim, ...words]: readonly string[]): readonly string[] | undefined {
  if (action !== ACTION) return undefined;
  tryCall("prctl", PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  // The shim has died before: the kernel sends no signal for that.
  if (tryCall("getppid") !== Number(shim)) exit(1);
  return words;
}
