// Programs of the tests that Bun runs.

import { existsSync } from "node:fs";
import type { Condition } from "./behaviour.ts";

export const BUN = "node_modules/.bin/bun";

/** The emulated machines of `make test-arm64` have no Bun. */
export const needsBun: Condition = existsSync(BUN) ? undefined : "needs Bun for this machine";

/** What Bun is called with to run a program that uses sources of tsrun. */
export function bunArguments(script: string, ...args: readonly string[]): string[] {
  return ["--preload", "./test/support/native-under-bun.ts", script, ...args];
}
