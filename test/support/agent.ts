// An agent for SCMP_ACT_NOTIFY that a test starts beside its containers; the program is seccomp-agent.py.

import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import type { Condition } from "./behaviour.ts";
import type { Lab } from "./lab.ts";
import { needsProgram } from "./program.ts";

const PYTHON = "/usr/bin/python3";

export const needsAgent: Condition = needsProgram(PYTHON, "python3");

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
export async function startAgent(lab: Lab, answer: string, folder = lab.folder): Promise<Agent> {
  const socket = join(folder, `agent-${answer}.sock`);
  const child = spawn(PYTHON, ["test/support/seccomp-agent.py", socket, answer], {
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
