// A terminal for tests with a simulated user; the program is pty.py.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import type { Condition } from "./behaviour.ts";
import { findProgram } from "./host.ts";
import type { Lab } from "./lab.ts";
import type { Result } from "./runtime.ts";

export type Step =
  | { readonly expect: string }
  | { readonly send: string }
  | { readonly size: readonly [rows: number, columns: number] }
  | { readonly modes: true }
  | { readonly touch: string }
  | { readonly echo: number }
  | { readonly within: number };

export interface Seen {
  /** The text that an `expect` or `echo` did not find in time. */
  readonly missing: string | null;
  readonly shown: string;
  /** Exit status of the program. */
  readonly code: number;
  /** `c_iflag`, `c_oflag`, `c_cflag`, `c_lflag`: before, at each `modes`, and after. */
  readonly modes: readonly (readonly number[])[];
}

export interface Taken extends Seen {
  /** The text of the message on the console socket, and its number of descriptors. */
  readonly name: string;
  readonly descriptors: number;
  /** Whether no other message followed. */
  readonly silent: boolean;
}

const PYTHON = "/usr/bin/python3";
const DRIVER = resolve("test/support/pty.py");

export function needsTerminal(): Condition {
  return existsSync(PYTHON) && findProgram("python3") !== undefined
    ? undefined
    : "needs python3 (package python3)";
}

/** A wrapper that runs the runtime on a terminal; `seen` reads what it prints. */
export function atTerminal(...steps: Step[]): string[] {
  return [PYTHON, DRIVER, JSON.stringify(steps)];
}

export function seen({ stdout, stderr }: Result): Seen {
  if (stdout === "") throw new Error(`the terminal's driver failed: ${stderr}`);
  return JSON.parse(stdout) as Seen;
}

/** Listens for a terminal, and performs the steps on it. */
export async function listenForTerminal(
  lab: Lab,
  ...steps: Step[]
): Promise<{ socket: string; taken: Promise<Taken> }> {
  const socket = join(lab.folder, "console.sock");
  const child = spawn(PYTHON, [DRIVER, JSON.stringify(steps), "--listen", socket], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  lab.atClose(() => child.kill("SIGKILL"));
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  await once(child.stdout, "data");
  const taken = once(child, "close").then(() => JSON.parse(output.slice("up\n".length)) as Taken);
  return { socket, taken };
}

/**
 * A console socket whose owner accepts and never reads, so that the terminal stays open: Node would drop the
 * descriptor when it reads the message, and a terminal whose other end is closed ends its container.
 */
export function unreadConsole(lab: Lab, socket = join(lab.folder, "console.sock")): string {
  const server = createServer({ pauseOnConnect: true }, (connection) => connection.unref());
  server.listen(socket);
  server.unref();
  lab.atClose(() => server.close());
  return socket;
}
