// An agent for SCMP_ACT_NOTIFY that a test starts beside its containers; the program is seccomp-agent.ts.

import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { BUN, bunArguments } from "./bun.ts";
import type { Lab } from "./lab.ts";

export interface Told {
  readonly message?: {
    readonly ociVersion: string;
    readonly fds: readonly string[];
    readonly pid: number;
    readonly metadata?: string;
    readonly state: Readonly<Record<string, unknown>>;
  };
  readonly descriptors?: number;
  readonly call?: number;
  readonly pid?: number;
}

export interface Agent {
  readonly socket: string;
  readonly process: ChildProcess;
  /** Its messages so far. */
  told(): Told[];
}

/** Starts an agent, and waits until it listens. */
export async function startAgent(lab: Lab, answer: string): Promise<Agent> {
  const socket = join(lab.folder, `agent-${answer}.sock`);
  const child = spawn(BUN, bunArguments("test/support/seccomp-agent.ts", socket, answer), {
    stdio: ["ignore", "pipe", "inherit"],
  });
  lab.atClose(() => child.kill("SIGKILL"));
  let said = "";
  // No time limit here, since an emulated machine would exceed it: the test has one.
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on("data", (text) => {
      said += text;
      if (said.startsWith("ready\n")) resolve();
    });
    child.once("error", reject);
    child.once("exit", (code, signal) => reject(new Error(`the agent ended by ${signal ?? code}: ${said}`)));
  });
  const told = () =>
    said
      .split("\n")
      .slice(1, -1)
      .map((line) => JSON.parse(line) as Told);
  return { socket, process: child, told };
}
