// Turns the flags of `create` and `run` into the story's options. Pure.

import type { CreateOptions } from "../container/options.ts";
import type { createOptions } from "./flags.ts";
import { readListenFds, readNotifySocket } from "./handed-down.ts";
import type { CommandHost, Values } from "./options.ts";
import { absolutePath } from "./paths.ts";
import { UsageError } from "./usage-error.ts";

/** Makes paths absolute, from the caller's directory: the story works in the bundle. */
export function readCreateOptions(
  id: string,
  options: Values<typeof createOptions>,
  { cwd, env, pid }: Pick<CommandHost, "cwd" | "env" | "pid">,
): CreateOptions {
  return {
    id,
    bundle: absolutePath(options.bundle ?? "", cwd),
    config: readConfigPath(options.config, cwd),
    pidFile: absoluteIfGiven(options["pid-file"], cwd),
    consoleSocket: absoluteIfGiven(options["console-socket"], cwd),
    pidfdSocket: absoluteIfGiven(options["pidfd-socket"], cwd),
    noPivot: options["no-pivot"],
    noNewKeyring: options["no-new-keyring"],
    preserveFds: readPreserveFds(options["preserve-fds"]),
    listenFds: readListenFds(env, pid),
    notifySocket: readNotifySocket(env),
  };
}

/** Checks the value of `--preserve-fds`. */
export function readPreserveFds(given: number): number {
  if (given >= 0) return given;
  throw new UsageError(`invalid value "${given}" for flag -preserve-fds: must not be negative`);
}

/** An empty path does not exist: what an unset variable leaves must not run another configuration. */
export function readConfigPath(path: string | undefined, cwd: () => string): string | undefined {
  return path === "" ? path : absoluteIfGiven(path, cwd);
}

/** An empty value counts as absent: callers pass `--console-socket ""`. */
export function absoluteIfGiven(path: string | undefined, cwd: () => string): string | undefined {
  return path === undefined || path === "" ? undefined : absolutePath(path, cwd);
}
