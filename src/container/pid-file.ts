// The pid file of create, run, exec and restore: what tells the caller that all went well. It is seen whole
// or not at all, and a tsrun that is killed leaves nothing beside it that `delete` does not remove.

import { createWhole, replaceFile, temporaryName } from "../linux/files/files.ts";
import type { GlobalOptions } from "./options.ts";
import { getStateDirectory } from "./store.ts";

/** AS RUNC: whoever the umask lets may read it. */
const MODE = 0o666;

export interface PidFile {
  readonly id: string;
  /** Absolute; nothing is written without one. */
  readonly pidFile?: string | undefined;
}

/** Writes the file, as the last that a command does for a process. */
export function writePidFile({ root }: GlobalOptions, { id, pidFile }: PidFile, pid: number): void {
  if (pidFile === undefined || createWhole(pidFile, `${pid}`, { mode: MODE })) return;
  // Only rename(2) takes the place of a file, and it needs a name to come from: the container has it first.
  using directory = getStateDirectory(root, id);
  const note = directory.note(temporaryName(pidFile));
  replaceFile(pidFile, `${pid}`, { mode: MODE });
  directory.removeFile(note);
}
