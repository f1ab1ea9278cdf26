// Makes the nth system call of a given name fail in the runtime's own process, or kills the process in it,
// with strace's fault injection around a call of the runtime.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "./host.ts";
import type { Lab } from "./lab.ts";

export const needsStrace = findProgram("strace") === undefined ? "needs strace (package strace)" : undefined;

/** `signal=KILL`: killed on entry to the call, which is not carried out. `delay_enter`: microseconds. */
export type Fault = "signal=KILL" | `error=${string}` | `delay_enter=${number}`;

export interface Injection {
  readonly wrapper: readonly string[];
  /** Whether there was an nth call. */
  happened(): boolean;
}

let injections = 0;

export function inject(lab: Lab, call: string, nth: number, fault: Fault): Injection {
  injections += 1;
  const log = join(lab.folder, `strace-${injections}`);
  return {
    wrapper: ["strace", "-qq", "-o", log, "-e", `trace=${call}`, "-e", `inject=${call}:${fault}:when=${nth}`],
    happened: () => existsSync(log) && /INJECTED|killed by SIGKILL/.test(readFileSync(log, "utf8")),
  };
}

/** Tries a call with a fault in the first, the second and so on, until there is none left to fail. */
export async function injectEach(
  lab: Lab,
  { call, fault, from = 1 }: { readonly call: string; readonly fault: Fault; readonly from?: number },
  attempt: (injection: Injection, nth: number) => Promise<void>,
): Promise<number> {
  for (let nth = from; ; nth += 1) {
    const injection = inject(lab, call, nth, fault);
    await attempt(injection, nth);
    if (!injection.happened()) return nth - from;
  }
}
