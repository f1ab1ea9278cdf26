// What all processes of a rehearsal share: the files that they see, and where their calls are written down.
// Types only.

import type { Operation } from "../../proxy/calls/operation.ts";
import type { PretendedFiles } from "./files.ts";

export interface Stage {
  readonly files: PretendedFiles;
  readonly rootfs: string;
  /** Writes a call down, under the name of the process that makes it. */
  note(by: string, of: Operation): void;
}
