// `list`: the state of every container under the root.

import { TsrunError, throwIfOutOfMemory } from "../errors.ts";
import { openIfThere, readTextIfThere, status } from "../linux/files/files.ts";
import { O_DIRECTORY, O_PATH } from "../linux/numbers/fcntl.ts";
import { once } from "../once.ts";
import { glance, isListed } from "./glance.ts";
import type { ContainerState, GlobalOptions } from "./options.ts";
import { describe } from "./printed-state.ts";
import { findStateDirectory, listNames, type StateDirectory } from "./store.ts";

/** `Entry` is the state of a container, or its id. */
export interface ContainerList<Entry> {
  readonly entries: Entry[];
  /** A sentence for each container that could not be read; the others are still listed. */
  readonly problems: string[];
  /**
   * One of the problems is tsrun's own, such as a lack of descriptors or of /proc: the container may be
   * undamaged.
   */
  readonly incomplete: boolean;
}

interface ListOptions {
  /** Whether a missing root counts as an empty one. A root that the user named must exist. */
  readonly rootIsDefault?: boolean;
  /** Only containers whose id matches are looked at. */
  readonly matches?: RegExp | undefined;
}

/** Lists the containers with their states. */
export function listContainers(globals: GlobalOptions, options?: ListOptions): ContainerList<ContainerState> {
  const names = once(userNames);
  const ownerName = (uid: number) => names().get(uid) ?? `#${uid}`;
  return listWith(globals, options, {
    glance: (root, id) => glance(root, id, ownerName),
    look: (directory) => {
      const owner = ownerName(directory.ownerUid());
      return describe(directory, directory.load(), owner);
    },
  });
}

/** Lists the ids only. That needs no look at processes and cgroups, nor at most of a state. */
export function listContainerIds(globals: GlobalOptions, options?: ListOptions): ContainerList<string> {
  return listWith(globals, options, {
    glance: (root, id) => (isListed(root, id) ? id : undefined),
    look: (directory) => directory.load().id,
  });
}

/** Two ways to read an entry: the fast one of glance.ts, and the one that reports what is wrong. */
interface Ways<Entry> {
  readonly glance: (root: number, id: string) => Entry | undefined;
  readonly look: (directory: StateDirectory) => Entry;
}

function listWith<Entry>(
  { root }: GlobalOptions,
  { rootIsDefault = false, matches }: ListOptions = {},
  ways: Ways<Entry>,
): ContainerList<Entry> {
  if (!rootIsDefault && status(root) === undefined) {
    throw new TsrunError("E_NOT_FOUND", `cannot list "${root}": no such file or directory`);
  }
  const entries: Entry[] = [];
  const problems: string[] = [];
  let incomplete = false;
  const held = openIfThere(root, O_PATH | O_DIRECTORY);
  if (held === undefined) return { entries, problems, incomplete };
  using opened = held;
  const at = opened.number;
  for (const id of listNames(root)) {
    if (matches?.test(id) === false) continue;
    const seen = ways.glance(at, id);
    if (seen !== undefined) {
      entries.push(seen);
      continue;
    }
    try {
      const entry = lookAt(root, id, ways.look);
      if (entry !== undefined) entries.push(entry);
    } catch (error) {
      throwIfOutOfMemory(error);
      if (!(error instanceof TsrunError)) throw error;
      problems.push(`cannot list container "${id}": ${error.message}`);
      const isDamaged = error.errno === undefined && error.code !== "E_SYSCALL";
      if (!isDamaged && error.code !== "E_NOT_FOUND") incomplete = true;
    }
  }
  return { entries, problems, incomplete };
}

/** `undefined` if it has just been removed. */
function lookAt<Entry>(
  root: string,
  id: string,
  look: (directory: StateDirectory) => Entry,
): Entry | undefined {
  const found = findStateDirectory(root, id);
  if (found === undefined) return undefined;
  using directory = found;
  return look(directory);
}

/** uid to name, from /etc/passwd. */
function userNames(): Map<number, string> {
  const lines = (readTextIfThere("/etc/passwd") ?? "").split("\n").map((line) => line.split(":"));
  const pairs = lines.map(([name = "", , uid]): [number, string] => [Number(uid ?? Number.NaN), name]);
  return new Map(pairs.reverse());
}
