// The files that take what hooks print, where annotations name some (crun(1), run.oci.hooks.stdout): opened
// by each command that runs hooks, before it does anything.

import { TsrunError } from "../errors.ts";
import { hasErrno, tryCall } from "../linux/call/call.ts";
import { type Descriptor, open } from "../linux/files/files.ts";
import { F_SETFL, O_APPEND, O_CREAT, O_NOCTTY, O_NONBLOCK, O_WRONLY } from "../linux/numbers/fcntl.ts";
import type { HookFiles } from "../spec/annotations.ts";

export interface HookOutput extends Disposable {
  readonly stdout: Descriptor | undefined;
  readonly stderr: Descriptor | undefined;
  /** For an error of a hook, which cannot repeat what it printed. */
  readonly paths: HookFiles;
}

/** Opens what is named, to be appended to. */
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

/** DIFFERS: crun lets its owner execute the file, and waits for ever for the reader of a FIFO. */
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
  // Programs do not expect to be told to try again.
  tryCall("fcntl", file.number, F_SETFL, O_APPEND);
  return file;
}
