// Programs of the host that some tests use, found or not.

import { spawnSync } from "node:child_process";
import type { Condition } from "./behaviour.ts";

/** A reason to skip when a program is not installed; the package is Debian's. */
export function needsProgram(name: string, debianPackage = name): Condition {
  const found = spawnSync("sh", ["-c", `command -v ${name}`]).status === 0;
  return found ? undefined : `needs ${name} (package ${debianPackage})`;
}

/** Runs a program to its end; returns its output and its status. */
export function runProgram(
  command: readonly string[],
  { input = "", env = process.env }: { readonly input?: string; readonly env?: NodeJS.ProcessEnv } = {},
): { readonly code: number | null; readonly stdout: string; readonly stderr: string } {
  const [program = "", ...args] = command;
  const { status, stdout, stderr } = spawnSync(program, args, {
    input,
    env,
    encoding: "utf8",
    timeout: 60_000,
  });
  return { code: status, stdout, stderr };
}
