// The files for the output of hooks, if annotations name them (crun(1), run.oci.hooks.stdout). Each command
// that runs hooks opens them before it does anything else.

import { TsrunError } from "../errors.ts";
import { hasErrno, tryCall } from "../linux/call/call.ts";
import { type Descriptor, open } from "../linux/files/files.ts";
import { F_SETFL, O_APPEND, O_CREAT, O_NOCTTY, O_NONBLOCK, O_WRONLY } from "../linux/numbers/fcntl.ts";
import type { HookFiles } from "../spec/annotations.ts";

export interface HookOutput extends Disposable {
  readonly stdout: Descriptor | undefined;
  readonly stderr: Descriptor | undefined;
  /** For the error of a hook, which names the file instead of repeating the output. */
  readonly paths: HookFiles;
}

/** Opens the files for appending. */
export function openHookOutput(files: HookFiles | undefined): HookOutput | undefined {
  if (files === undefined) return undefined;
  const opened: Descriptor[] = [];
  const close = (): void => {
    for (const one of opened) one.close();
  };
  try {
    const [stdout, stderr] = (["stdout", "stderr"] as const).map((name) => {
      const path = files[name];
      const file = path === undefined ? undefined : openToAppend(path, name);
      if (file !== undefined) opened.push(file);
      return file;
    });
    return { stdout, stderr, paths: files, [Symbol.dispose]: close };
  } catch (error) {
    close();
    throw error;
  }
}

/** DIFFERS: crun makes the file executable for its owner, and waits for ever for a FIFO's reader. */
const MODE = 0o600;

function openToAppend(path: string, name: "stdout" | "stderr"): Descriptor {
  let file: Descriptor;
  try {
    file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY, { mode: MODE });
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    const hint = hasErrno(error, "ENXIO")
      ? "a FIFO needs its reader first"
      : "the directory must be there, and the file one that can be written to";
    throw new TsrunError("E_SYSCALL", `${error.message}, named by /annotations/run.oci.hooks.${name}`, {
      errno: error.errno,
      hint,
      cause: error,
    });
  }
  // Clear O_NONBLOCK: programs do not expect EAGAIN.
  tryCall("fcntl", file.number, F_SETFL, O_APPEND);
  return file;
}
