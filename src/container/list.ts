// `list`: the state of every container under the root.

import { TsrunError, throwIfOutOfMemory } from "../errors.ts";
import { readTextIfThere, status } from "../linux/files/files.ts";
import type { ContainerState, GlobalOptions } from "./options.ts";
import { describe } from "./state.ts";
import { findStateDirectory, listIds } from "./store.ts";

export interface ContainerList {
  readonly entries: ContainerState[];
  /** A sentence for each container that could not be read; the others are listed all the same. */
  readonly problems: string[];
  /** One of them is none of the container's, which may be as good as any: we could not look at it. */
  readonly incomplete: boolean;
}

/**
 * Lists the containers. `rootIsDefault` makes a root that does not exist an empty one; a named one must
 * exist.
 */
export function listContainers(globals: GlobalOptions, { rootIsDefault = false } = {}): ContainerList {
  if (!rootIsDefault && status(globals.root) === undefined) {
    throw new TsrunError("E_NOT_FOUND", `cannot list "${globals.root}": no such file or directory`);
  }
  const names = userNames();
  const entries: ContainerState[] = [];
  const problems: string[] = [];
  let incomplete = false;
  for (const id of listIds(globals.root)) {
    try {
      const entry = entryOf(globals.root, id, names);
      if (entry !== undefined) entries.push(entry);
    } catch (error) {
      throwIfOutOfMemory(error);
      if (!(error instanceof TsrunError)) throw error;
      problems.push(`cannot list container "${id}": ${error.message}`);
      if (error.code !== "E_NOT_FOUND" && error.errno !== undefined) incomplete = true;
    }
  }
  return { entries, problems, incomplete };
}

/** `undefined` when it has just been removed. */
function entryOf(root: string, id: string, names: ReadonlyMap<number, string>): ContainerState | undefined {
  const found = findStateDirectory(root, id);
  if (found === undefined) return undefined;
  using directory = found;
  const uid = directory.ownerUid();
  return describe(directory, directory.load(), names.get(uid) ?? `#${uid}`);
}

/** uid to name, from /etc/passwd. */
function userNames(): Map<number, string> {
  const lines = (readTextIfThere("/etc/passwd") ?? "").split("\n").map((line) => line.split(":"));
  const pairs = lines.map(([name = "", , uid]): [number, string] => [Number(uid ?? Number.NaN), name]);
  return new Map(pairs.reverse());
}
