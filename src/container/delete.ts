// `delete`: removes a container that has ended or was never started; with force, any container.

import { TsrunError } from "../errors.ts";
import { SIGKILL } from "../linux/numbers/sched.ts";
import { phase } from "../spans.ts";
import { destroy, killAndWait } from "./destroy.ts";
import type { DeleteOptions, GlobalOptions } from "./options.ts";
import type { StateRecord } from "./record.ts";
import { deleteDamaged } from "./salvage.ts";
import { signalInit } from "./signal-init.ts";
import { statusOf } from "./status.ts";
import { findStateDirectory, type StateDirectory } from "./store.ts";

/** Removes a container. An unknown id is no error with `force`. */
export function deleteContainer(globals: GlobalOptions, { id, force }: DeleteOptions): void {
  phase("read the state");
  const found = findStateDirectory(globals.root, id);
  if (found === undefined) {
    if (force) return;
    throw new TsrunError("E_NOT_FOUND", "container does not exist");
  }
  using directory = found;
  const isKilled = force && !directory.lock({ waits: false }) && killFirst(directory);
  directory.lock();
  const record = force ? loadOrForget(globals, directory, id) : directory.load();
  if (record === undefined) return;
  const status = statusOf(record, directory);
  if (status !== "stopped" && status !== "created" && !force) {
    throw new TsrunError("E_STATE", `cannot delete container ${id} that is not stopped: ${status}`, {
      hint: `"delete --force ${id}" kills it first`,
    });
  }
  phase("remove the container");
  // AS RUNC: a created container is deleted even without force: no user program has run in it.
  if (status !== "stopped") killAndWait(record);
  destroy(directory, record, {
    forced: force ? globals.log : undefined,
    inBundle: false,
    by: "delete",
    isKilled: isKilled || status !== "stopped",
    hadEnded: status === "stopped",
  });
}

/**
 * Ends a running container before the lock is waited for: the command that has it may wait for the container,
 * as criu does for a stopped process in a frozen v1 cgroup. One that is being made, or waits for `start`, is
 * left to whoever has the lock. False if there was nothing to end.
 */
function killFirst(directory: StateDirectory): boolean {
  try {
    const record = directory.load();
    const status = statusOf(record, directory);
    return (status === "running" || status === "paused") && signalInit(record, SIGKILL);
  } catch (error) {
    // With the lock this is tried again, and told.
    if (error instanceof TsrunError) return false;
    throw error;
  }
}

/**
 * Loads the state. A directory without one belongs to a create that was killed before it made anything else,
 * or was removed by another `delete` that had the lock first. A damaged state, or one that cannot be read at
 * the moment, may belong to a running container.
 */
function loadOrForget(
  globals: GlobalOptions,
  directory: StateDirectory,
  id: string,
): StateRecord | undefined {
  try {
    return directory.load();
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    if (error.code === "E_NOT_FOUND") directory.remove();
    else if (error.errno === undefined) deleteDamaged(globals, { id, directory, damage: error });
    else throw error;
    return undefined;
  }
}
