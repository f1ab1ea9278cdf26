// What all processes of a rehearsal share: the files that they see, and where their calls are written down.

import type { Operation } from "../../proxy/calls/operation.ts";
import type { PretendedFiles } from "./files.ts";

export interface Rehearsal {
  readonly files: PretendedFiles;
  readonly rootfs: string;
  /** Another stage of the story begins. */
  enter(stage: string): void;
  /** Writes a call down, under the name of the process that makes it. */
  note(by: string, of: Operation): void;
}

/** The pid of the container's first process: one that nobody has. Shown as PID. */
export const NOBODY = 0x3ffffffe;
