// Writes the pid file of create, run, exec and restore, which tells the caller that all went well. It is
// never visible half-written, and if tsrun is killed, `delete` removes every temporary file beside it.

import { createWhole, open, replaceFile, status, temporaryName, writeAll } from "../linux/files/files.ts";
import { O_NOCTTY, O_NONBLOCK, O_WRONLY, S_IFCHR, S_IFIFO } from "../linux/numbers/fcntl.ts";
import { parentOf } from "../rootfs/plan/paths.ts";
import { keepingIn } from "./causes.ts";
import type { GlobalOptions } from "./options.ts";
import { getStateDirectory } from "./store.ts";

/** AS RUNC: the umask decides who may read it. */
const MODE = 0o666;

export interface PidFile {
  readonly id: string;
  /** Absolute; if absent, no file is written. */
  readonly pidFile?: string | undefined;
}

/** Writes the file, the last action of a command for a process. */
export function writePidFile(globals: GlobalOptions, { id, pidFile }: PidFile, pid: number): void {
  if (pidFile === undefined) return;
  keepingIn(parentOf(pidFile), () => writeTo(pidFile, { ...globals, id }, pid));
}

function writeTo(pidFile: string, { root, id }: { root: string; id: string }, pid: number): void {
  if (createWhole(pidFile, `${pid}`, { mode: MODE })) return;
  // DIFFERS: as in crun, a device or a FIFO gets the pid. runc would put a file in the place of /dev/null.
  const type = status(pidFile, { followLinks: false })?.type;
  if (type === S_IFCHR || type === S_IFIFO) {
    using file = open(pidFile, O_WRONLY | O_NONBLOCK | O_NOCTTY);
    writeAll(file.number, `${pid}`, `"${pidFile}"`);
    return;
  }
  // Only rename(2) replaces a file, and it needs a temporary name: record that in the state directory first.
  using directory = getStateDirectory(root, id);
  const note = directory.note(temporaryName(pidFile));
  replaceFile(pidFile, `${pid}`, { mode: MODE });
  directory.removeFile(note);
}
