// An ordinary user for the tests that need one: Debian's `nobody`.

import { chmodSync, cpSync, existsSync } from "node:fs";
import { basename, join } from "node:path";
import type { Lab } from "./lab.ts";
import { runtimePath } from "./runtime.ts";

export const NOBODY = 65_534;

/** A wrapper that makes the call as the user, from a copy of the runtime that the user can reach. */
export function asUser(lab: Lab): string[] {
  const copy = join(lab.folder, basename(runtimePath));
  if (!existsSync(copy)) {
    cpSync(runtimePath, copy, { dereference: true });
    chmodSync(copy, 0o755);
  }
  const become = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
  // The harness appends the runtime's own path, which is replaced here.
  return [...become, "sh", "-c", `shift; exec ${copy} "$@"`, "sh"];
}
