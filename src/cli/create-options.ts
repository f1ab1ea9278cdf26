// From the flags of `create` and `run` to what the story wants. Pure.

import type { CreateOptions } from "../container/options.ts";
import type { createOptions } from "./flags.ts";
import type { Values } from "./options.ts";
import { absolutePath } from "./paths.ts";
import { UsageError } from "./usage-error.ts";

/** Makes paths absolute, from the caller's directory: the story works from the bundle. */
export function readCreateOptions(
  id: string,
  options: Values<typeof createOptions>,
  cwd: () => string,
): CreateOptions {
  const preserveFds = options["preserve-fds"];
  if (preserveFds < 0) {
    throw new UsageError(`invalid value "${preserveFds}" for flag -preserve-fds: must not be negative`);
  }
  return {
    id,
    bundle: absolutePath(options.bundle ?? "", cwd),
    pidFile: absoluteIfGiven(options["pid-file"], cwd),
    consoleSocket: absoluteIfGiven(options["console-socket"], cwd),
    pidfdSocket: absoluteIfGiven(options["pidfd-socket"], cwd),
    noPivot: options["no-pivot"],
    noNewKeyring: options["no-new-keyring"],
    preserveFds,
  };
}

/** An empty value is as good as none: callers pass `--console-socket ""`. */
function absoluteIfGiven(path: string | undefined, cwd: () => string): string | undefined {
  return path === undefined || path === "" ? undefined : absolutePath(path, cwd);
}
