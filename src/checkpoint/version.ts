// Checks criu's version. Pure.

import { TsrunError } from "../errors.ts";

/** Throws, with runc's text, if `version` is older than `since`. */
export function requireVersion(version: number, since: number, what: string): void {
  if (version >= since) return;
  throw new TsrunError("E_UNSUPPORTED", `CRIU version ${version} must be ${since} or higher`, {
    hint: `a newer criu is needed to ${what}`,
  });
}
