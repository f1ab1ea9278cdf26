// Tells whether tsrun runs as the host's root. Called by the stories that plan something.

import { effectiveUid } from "../linux/process/process.ts";
import { inInitialUserNamespace } from "../namespaces/id-maps.ts";
import type { GlobalOptions } from "./options.ts";

/** Whether actions that only the host's root may do are silently left out. */
export function isRootless({ rootless }: GlobalOptions): boolean {
  return rootless === "auto" ? effectiveUid() !== 0 || !inInitialUserNamespace() : rootless === "true";
}
