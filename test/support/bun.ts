// Programs of the tests that Bun runs.

export const BUN = "node_modules/.bin/bun";

/** What Bun is called with to run a program that uses sources of tsrun. */
export function bunArguments(script: string, ...args: readonly string[]): string[] {
  return ["--preload", "./test/support/native-under-bun.ts", script, ...args];
}
