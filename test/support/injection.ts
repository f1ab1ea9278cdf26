// Makes system calls of the runtime's own process fail or take long, or kills or stops the process in one,
// with strace's fault injection around a call of the runtime.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram, signalProcess } from "./host.ts";
import type { Lab } from "./lab.ts";
import { until } from "./wait.ts";

export const needsStrace = findProgram("strace") === undefined ? "needs strace (package strace)" : undefined;

/** `signal=KILL`: killed on entry to the call, which is not carried out. `delay_enter`: microseconds. */
export type Fault = "signal=KILL" | `error=${string}` | `delay_enter=${number}`;

export interface Injection {
  readonly wrapper: readonly string[];
  /** Whether there was an nth call. */
  happened(): boolean;
}

/** Does something while strace watches a process that runs already. Returns strace's log. */
export async function traced(
  { lab, pid }: { readonly lab: Lab; readonly pid: number },
  options: readonly string[],
  act: () => Promise<"done" | "cut off">,
): Promise<string> {
  const log = join(lab.folder, "strace");
  const strace = spawn("strace", ["-p", String(pid), "-o", log, ...options], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(strace, "exit");
  let said = "";
  strace.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  await until("strace to watch", () => said.includes("attached"));
  // The connection ends before strace has seen the end of the process, with which it ends itself.
  if ((await act()) === "done") strace.kill("SIGTERM");
  await ended;
  return readFileSync(log, "utf8");
}

let injections = 0;

/** Kills each of the runtime's processes on entry to a call, which the runtime itself does not make. */
export function killInChildren(lab: Lab, call: string): Injection {
  return injectInto(lab, ["--follow-forks", "-e", `trace=${call}`, "-e", `inject=${call}:signal=KILL`]);
}

/** @param nth `1+` means each one */
export function inject(lab: Lab, call: string, nth: number | "1+", fault: Fault): Injection {
  return injectInto(lab, ["-e", `trace=${call}`, "-e", `inject=${call}:${fault}:when=${nth}`]);
}

function injectInto(lab: Lab, options: readonly string[]): Injection {
  injections += 1;
  const log = join(lab.folder, `strace-${injections}`);
  return {
    wrapper: ["strace", "-qq", "-o", log, ...options],
    happened: () => existsSync(log) && /INJECTED|killed by SIGKILL/.test(readFileSync(log, "utf8")),
  };
}

/** Makes each write of the runtime, and each change of an eBPF program, take 20 ms. */
export function slowWrites(lab: Lab): readonly string[] {
  const how = ["-e", "trace=write,bpf", "-e", "inject=write,bpf:delay_exit=20000"];
  return ["strace", "-qq", "-o", join(lab.folder, "writes"), ...how];
}

export interface Stopping {
  readonly wrapper: readonly string[];
  /** What strace has written by now. */
  logged(): string;
  untilStopped(): Promise<void>;
  goOn(): void;
}

/** @param options of strace, which say at which call the runtime is stopped: `inject=CALL:signal=STOP` */
export function stopping(lab: Lab, ...options: readonly string[]): Stopping {
  injections += 1;
  const log = join(lab.folder, `strace-${injections}`);
  const pidFile = join(lab.folder, `stopped-${injections}`);
  const logged = () => (existsSync(log) ? readFileSync(log, "utf8") : "");
  return {
    wrapper: ["strace", "-qq", "-o", log, ...options, "sh", "-c", 'echo $$ >"$0"; exec "$@"', pidFile],
    logged,
    untilStopped: async () => {
      await until("the runtime to stop", () => logged().includes("stopped by SIGSTOP"));
    },
    goOn: () => signalProcess(readFileSync(pidFile, "utf8"), "SIGCONT"),
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
