// `delete`: remove what a container leaves: processes, cgroups, mounts, state.

import { destroyCgroup, killProcesses } from "../cgroups/members.ts";
import { TsrunError } from "../errors.ts";
import { runHooks } from "../hooks/run.ts";
import { removeDirectory } from "../linux/files.ts";
import { SIGKILL } from "../linux/sched.ts";
import { detachMount } from "../rootfs/host-mounts.ts";
import { stateForHooks } from "./hook-state.ts";
import { signalInit } from "./kill.ts";
import type { DeleteOptions, GlobalOptions } from "./options.ts";
import type { StateRecord } from "./record.ts";
import { openInit, statusOf } from "./status.ts";
import { findStateDirectory, type StateDirectory } from "./store.ts";

/** How long a killed first process may take to end, milliseconds; as runc. */
const KILL_TIMEOUT_MS = 10_000;

/** Removes a container. An unknown id is no error with `force`. */
export function deleteContainer(globals: GlobalOptions, { id, force }: DeleteOptions): void {
  const found = findStateDirectory(globals.root, id);
  if (found === undefined) {
    if (force) return;
    throw new TsrunError("E_NOT_FOUND", "container does not exist");
  }
  using directory = found;
  directory.lock();
  const record = loadOrForget(directory, force);
  if (record === undefined) return;
  const status = statusOf(record, directory);
  if (status !== "stopped" && status !== "created" && !force) {
    throw new TsrunError("E_STATE", `cannot delete container ${id} that is not stopped: ${status}`, {
      hint: `"delete --force ${id}" kills it first`,
    });
  }
  // AS RUNC: a created container is deleted without force too; nothing of the user's has run in it.
  if (status !== "stopped") killAndWait(record);
  destroy(directory, record, { forced: force ? globals.log : undefined, inBundle: false });
}

/**
 * A directory whose state was never written, or is damaged, belongs to a create that was killed: only force
 * removes it. A state that cannot be read just now may be that of a container that runs.
 */
function loadOrForget(directory: StateDirectory, force: boolean): StateRecord | undefined {
  try {
    return directory.load();
  } catch (error) {
    const isGone = error instanceof TsrunError && (error.errno ?? "ENOENT") === "ENOENT";
    if (!force || !isGone) throw error;
    directory.remove();
    return undefined;
  }
}

/** SIGKILL, and the end of the first process. */
export function killAndWait(record: StateRecord): void {
  const handle = openInit(record);
  if (handle === undefined) return;
  using process = handle;
  signalInit(record, SIGKILL);
  if (!process.waitForEnd(KILL_TIMEOUT_MS)) throw new TsrunError("E_STATE", "container init still running");
}

export interface DestroyOptions {
  /** Set where nothing may keep the container from going: processes are killed, what stays is told. */
  readonly forced?: GlobalOptions["log"] | undefined;
  readonly inBundle?: boolean;
}

/**
 * Removes what belongs to a container whose first process has ended; the state last, so that a failure can be
 * repeated.
 */
export function destroy(
  directory: StateDirectory,
  record: StateRecord,
  { forced, inBundle = true }: DestroyOptions = {},
): void {
  const { cgroup, ownPidNamespace } = record;
  if (forced !== undefined || !ownPidNamespace) orWarn(forced, () => killProcesses(cgroup, SIGKILL));
  orWarn(forced, () => destroyCgroup(cgroup));
  if (record.rdt?.remove !== undefined) removeDirectory(record.rdt.remove);
  if (record.mountsBefore !== undefined) detachMount(record.rootfs, record.mountsBefore);
  const hooks = record.hooksAfter ? directory.loadConfig().hooks : undefined;
  directory.remove();
  // AS RUNC: the container is gone by now; a hook that fails only fails the command.
  runHooks(hooks, "poststop", stateForHooks(record, "stopped", 0), { inBundle });
}

/** A cgroup that does not go, because a process of the host is in it, does not keep a container by force. */
function orWarn(forced: DestroyOptions["forced"], step: () => void): void {
  try {
    step();
  } catch (error) {
    if (forced === undefined || !(error instanceof TsrunError)) throw error;
    forced.warning(`${error.message}; the container goes without it`);
  }
}
