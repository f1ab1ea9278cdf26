// Finds the criu program, and checks its version. Called by checkpoint and restore.

import { SINCE } from "../checkpoint/plan.ts";
import { askVersion } from "../checkpoint/service.ts";
import { requireVersion } from "../checkpoint/version.ts";
import { TsrunError, wrapError } from "../errors.ts";
import type { Descriptor } from "../linux/files/files.ts";
import { findInPath } from "../linux/process/find-in-path.ts";
import { effectiveUid } from "../linux/process/process.ts";
import { inInitialUserNamespace } from "../namespaces/id-maps.ts";
import type { GlobalOptions } from "./options.ts";

export interface Criu {
  readonly path: string;
  /** 4.2.1 is 40201. */
  readonly version: number;
}

/**
 * Finds criu and asks for its version.
 * @param interrupt ready if tsrun is to end
 */
export function findCriu({ log }: GlobalOptions, interrupt?: Descriptor): Criu {
  if (effectiveUid() !== 0 || !inInitialUserNamespace()) {
    log.warning("checkpoint and restore are untested with rootless containers");
  }
  const path = findInPath("criu");
  if (path === undefined) {
    // AS RUNC: its text, which comes from Go.
    throw new TsrunError(
      "E_EXEC",
      'CRIU version check failed: exec: "criu": executable file not found in $PATH',
      {
        hint: "install criu, 3.0 or later: the Debian package criu, or criu.org",
      },
    );
  }
  const version = versionOf(path, interrupt);
  requireVersion(version, SINCE.version, "checkpoint or restore anything");
  return { path, version };
}

function versionOf(path: string, interrupt: Descriptor | undefined): number {
  try {
    return askVersion(path, interrupt);
  } catch (error) {
    throw wrapError("CRIU version check failed", error);
  }
}
