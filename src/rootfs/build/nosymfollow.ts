// `nosymfollow` with mount(2): a kernel before Linux 5.10 silently ignores the flag. statfs(2) reports the
// flag since that version, so tsrun checks after the mount whether it is set. The newer calls refuse flags
// that they do not know. Called by the steps that mount.

import { TsrunError } from "../../errors.ts";
import { MS_NOSYMFOLLOW } from "../../linux/numbers/mount.ts";
import type { Fd } from "../../proxy/calls/arguments.ts";
import { fstatfs, type Reading } from "../../proxy/calls/calls.ts";
import { flagsOfStatfs, statfsFlags } from "../plan/attributes.ts";

/** The check, to be made after the mount; empty if `flags` do not ask for it. */
export function lookForNosymfollow(mounted: Fd, flags: number, attempt: string): Reading[] {
  return (flags & MS_NOSYMFOLLOW) === 0 ? [] : [fstatfs(mounted, attempt)];
}

/** Throws if a check has found that the flag was ignored. Nothing runs in the container yet. */
export function assertNosymfollow(looks: readonly Reading[], hint: string): void {
  for (const { result, out, attempt } of looks) {
    if (result !== 0 || (flagsOfStatfs(statfsFlags(out.bytes)) & MS_NOSYMFOLLOW) !== 0) continue;
    throw new TsrunError("E_UNSUPPORTED", `cannot ${attempt}: this kernel does not know "nosymfollow"`, {
      hint: `it came with Linux 5.10; leave it out: ${hint}`,
    });
  }
}
