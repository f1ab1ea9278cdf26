// State directories that no command will finish or remove: half made ones, and those of earlier boots. Also
// files that a command was writing when it was killed.

import { isOfEarlierBoot } from "../container/boot.ts";
import { destroy } from "../container/destroy.ts";
import type { GlobalOptions } from "../container/options.ts";
import type { StateRecord } from "../container/record.ts";
import { statusOf } from "../container/status.ts";
import { findStateDirectory, type StateDirectory } from "../container/store.ts";
import { TsrunError } from "../errors.ts";
import { tryCall } from "../linux/call/call.ts";
import { listDirectoryAt } from "../linux/files/directories.ts";
import { modificationTime } from "../linux/files/files.ts";
import { AT_FDCWD } from "../linux/numbers/fcntl.ts";
import type { CommandsAtWork } from "../why/commands.ts";
import type { Found, Garbage } from "./model.ts";

/** A directory without a state must be this old, in milliseconds: its `create` may not have locked it yet. */
const OLD_MS = 60_000;

export interface StatesFound {
  readonly garbage: readonly Garbage[];
  readonly kept: readonly Found[];
  /** The containers that exist: their cgroups are not garbage. */
  readonly records: readonly StateRecord[];
}

/** What is known of one directory. */
type Verdict =
  | { readonly kind: "half-made" | "earlier boot"; readonly why: string; readonly record?: StateRecord }
  | { readonly kind: "kept"; readonly why: string }
  | { readonly kind: "alive"; readonly record?: StateRecord };

export function findStates(
  globals: GlobalOptions,
  ids: readonly string[],
  commands: CommandsAtWork,
): StatesFound {
  const garbage: Garbage[] = [];
  const kept: Found[] = [];
  const records: StateRecord[] = [];
  for (const id of ids) {
    const found = findStateDirectory(globals.root, id);
    if (found === undefined) continue;
    try {
      const isBusy = commands.on(id).length > 0;
      const verdict = judge(found);
      if (verdict.kind === "kept") kept.push({ kind: "half-made", what: id, why: verdict.why });
      else if (verdict.kind === "alive") {
        if (verdict.record !== undefined) records.push(verdict.record);
        if (!isBusy) garbage.push(...temporariesIn(found));
      } else if (!isBusy) {
        const { kind, why } = verdict;
        garbage.push({ kind, what: id, why, remove: () => removeState(globals, id, kind) });
      }
    } finally {
      found[Symbol.dispose]();
    }
  }
  return { garbage, kept, records };
}

/** Holds only as long as nobody changes the directory. */
function judge(directory: StateDirectory): Verdict {
  let record: StateRecord;
  try {
    record = directory.load();
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    if (error.code !== "E_NOT_FOUND") {
      return { kind: "kept", why: `${error.message}; "delete --force" ends what is left of it` };
    }
    if (directory.isBeingMade()) return { kind: "alive" };
    if (!isOld(directory.path))
      return { kind: "kept", why: "it has no state, but is less than a minute old" };
    return { kind: "half-made", why: "it has no state: its create or its delete was killed half-way" };
  }
  if (isOfEarlierBoot(record)) {
    return { kind: "earlier boot", why: "the machine was restarted after it was created", record };
  }
  const isUnfinished = directory.waiting() === "creating" || record.init_process_pid === 0;
  if (!isUnfinished || directory.isBeingMade()) return { kind: "alive", record };
  // A first process that gets no more orders ends by itself.
  if (statusOf(record, directory) !== "stopped") return { kind: "alive", record };
  return { kind: "half-made", why: "its create was killed before it was complete", record };
}

/** Whether it was last changed long enough ago. */
function isOld(path: string): boolean {
  const changed = modificationTime(path);
  return changed !== undefined && Date.now() - changed * 1000 > OLD_MS;
}

/** Holds the lock, so that the verdict stays true until the directory is removed. */
function removeState(globals: GlobalOptions, id: string, kind: Verdict["kind"]): boolean {
  const found = findStateDirectory(globals.root, id);
  if (found === undefined) return false;
  using directory = found;
  directory.lock();
  const verdict = judge(directory);
  if (verdict.kind !== kind || (verdict.kind !== "half-made" && verdict.kind !== "earlier boot"))
    return false;
  if (verdict.record === undefined) directory.remove();
  else destroy(directory, verdict.record, { forced: globals.log, inBundle: false, by: "gc" });
  return true;
}

/** Temporary files of `save` and `saveConfig`. Only for a directory that no command has open. */
function temporariesIn({ path }: StateDirectory): Garbage[] {
  return listDirectoryAt(path)
    .filter(({ name, type }) => type === "file" && /^\.(state|config)\.json\.\d+$/.test(name))
    .map(({ name }) => ({
      kind: "temporary",
      what: `${path}/${name}`,
      why: "the command that wrote it was killed",
      remove: () => tryCall("unlinkat", AT_FDCWD, `${path}/${name}`, 0) === 0,
    }));
}
