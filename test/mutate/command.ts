// Runs other programs and waits for them.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { signalGroup } from "../support/host.ts";

export interface Ended {
  readonly code: number;
  readonly output: string;
  readonly tookTooLong: boolean;
}

export interface CommandOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly limitSeconds?: number;
}

const running = new Set<ChildProcess>();
let isOver = false;

/** Runs a command and keeps its output. The command is killed if it takes too long. */
export async function run(command: readonly string[], options: CommandOptions): Promise<Ended> {
  const { cwd, env = {}, limitSeconds = 300 } = options;
  const child = spawn(command[0] ?? "", command.slice(1), {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
    // A new process group, which can be killed as a whole.
    detached: true,
    env: { ...process.env, ...env },
  });
  running.add(child);
  let tookTooLong = false;
  const timer = setTimeout(() => {
    tookTooLong = true;
    kill(child);
  }, limitSeconds * 1000);
  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  const [code] = await once(child, "close");
  clearTimeout(timer);
  running.delete(child);
  // Never return: the caller would start the next command.
  if (isOver) await new Promise(() => {});
  return { code: typeof code === "number" ? code : 1, output: Buffer.concat(chunks).toString(), tookTooLong };
}

/** Kills all commands when the program itself must end; their results are not reported. */
export function killAll(): void {
  isOver = true;
  for (const child of running) kill(child);
}

function kill({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) signalGroup(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
