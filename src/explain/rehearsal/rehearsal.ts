// What all processes of a rehearsal share: the files that they see, and the list of their calls.

import type { Operation } from "../../proxy/calls/operation.ts";
import type { PretendedFiles } from "./files.ts";

export interface Rehearsal {
  readonly files: PretendedFiles;
  readonly rootfs: string;
  /** Called when another stage of the story begins. */
  enter(stage: string): void;
  /** Notes a call under the name of the process that makes it. */
  note(by: string, of: Operation): void;
}

/** The pid of the container's first process: no process has it. Shown as PID. */
export const NOBODY = 0x3ffffffe;
