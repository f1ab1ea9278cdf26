// Commands of tsrun that are running below a state root: which processes have a container's directory open,
// which of them hold its lock, and which hook or criu they wait for.

import { openIfThere, readLink, readTextIfThere, status } from "../linux/files/files.ts";
import { O_DIRECTORY, O_PATH } from "../linux/numbers/fcntl.ts";
import { openFiles } from "../linux/process/open-files.ts";
import type { CommandFacts } from "./model.ts";
import { type FileLock, locksIn } from "./proc-texts.ts";
import { childrenOf, lookAtProcess } from "./processes.ts";

/** Running commands by the id of their container, including containers that have been removed. */
export class CommandsAtWork {
  readonly #pids: ReadonlyMap<string, readonly number[]>;
  readonly #locks: readonly FileLock[];
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
    this.#pids = pidsAt(root);
    this.#locks = locksIn(readTextIfThere("/proc/locks") ?? "");
  }

  /** The commands that work on one container. */
  on(id: string): CommandFacts[] {
    const path = `${this.#root}/${id}`;
    const lock = fileAt(path);
    const making = fileAt(`${path}/config.json`);
    return (this.#pids.get(id) ?? []).flatMap((pid) => {
      const process = lookAtProcess(pid);
      if (process === undefined) return [];
      const own = this.#locks.filter((one) => one.pid === pid);
      const waitOrHold = own.find(({ file }) => file === lock);
      return [
        {
          process,
          isTsrun: isTsrun(pid),
          lock: waitOrHold === undefined ? "none" : waitOrHold.waits ? "waits" : "holds",
          isMaking: own.some(({ file, waits }) => file === making && !waits),
          children: childrenOf(pid).flatMap((child) => lookAtProcess(child) ?? []),
        },
      ];
    });
  }
}

/** Whether a process executes this program, even if its file has been replaced since. */
function isTsrun(pid: number): boolean {
  const [program = "", own = "-"] = [pid, "self"].map((of) =>
    readLink(`/proc/${of}/exe`)?.replace(/ \(deleted\)$/, ""),
  );
  return program === own || program.slice(program.lastIndexOf("/") + 1).startsWith("tsrun");
}

/** The file's device and inode, in the form of `FileLock.file`. */
function fileAt(path: string): string | undefined {
  const found = status(path, { followLinks: false });
  return found && `${found.deviceMajor}:${found.deviceMinor}:${found.inode}`;
}

/** The processes that have a directory right below the root open, by the directory's name. */
function pidsAt(root: string): Map<string, number[]> {
  const found = new Map<string, number[]>();
  // The kernel shows paths without symbolic links.
  const beginning = `${realPath(root)}/`;
  for (const { pid, path } of openFiles()) {
    const target = Number(pid) === process.pid ? undefined : readLink(path);
    if (target?.startsWith(beginning) !== true) continue;
    const id = target.slice(beginning.length).replace(/ \(deleted\)$/, "");
    if (id.includes("/")) continue;
    const pids = found.get(id) ?? [];
    if (!pids.includes(Number(pid))) pids.push(Number(pid));
    found.set(id, pids);
  }
  return found;
}

/** The path without symbolic links, as the kernel shows it. */
export function realPath(path: string): string {
  const held = openIfThere(path, O_PATH | O_DIRECTORY);
  if (held === undefined) return path;
  using directory = held;
  return readLink(`/proc/self/fd/${directory.number}`) ?? path;
}
