// `delete`: remove what a container leaves: processes, cgroups, mounts, state.

import { destroyCgroup, killProcesses, waitUntilEmpty } from "../cgroups/members.ts";
import { TsrunError } from "../errors.ts";
import type { HookOutput } from "../hooks/output.ts";
import { runHooks } from "../hooks/run.ts";
import { removeDirectory } from "../linux/files/files.ts";
import { SIGKILL } from "../linux/numbers/sched.ts";
import { detachMount } from "../rootfs/host/host-mounts.ts";
import type { Spec } from "../spec/types.ts";
import { outputFor, stateForHooks } from "./hook-state.ts";
import { signalInit } from "./kill.ts";
import type { DeleteOptions, GlobalOptions } from "./options.ts";
import type { StateRecord } from "./record.ts";
import { deleteDamaged } from "./salvage.ts";
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
  const record = force ? loadOrForget(globals, directory, id) : directory.load();
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
 * A directory without a state belongs to a create that was killed before it made anything else; or it is
 * gone, since another `delete` had the lock before. A damaged state may be that of a container that runs, and
 * one that cannot be read just now as well.
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

/** SIGKILL, and the end of the first process. */
export function killAndWait(record: StateRecord): void {
  const handle = openInit(record);
  if (handle === undefined) return;
  using process = handle;
  signalInit(record, SIGKILL);
  if (!process.waitForEnd(KILL_TIMEOUT_MS)) throw new TsrunError("E_STATE", "container init still running");
}

/**
 * As `destroy`, for whoever had let go of the container: a `delete` may have come, and a new container of its
 * id.
 */
export function destroyIfThere(directory: StateDirectory, record: StateRecord): void {
  directory.lock();
  if (directory.isThere()) destroy(directory, record);
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
  removeCgroup(record, forced);
  if (record.rdt?.remove !== undefined) removeDirectory(record.rdt.remove);
  if (record.mountsBefore !== undefined) detachMount(record.rootfs, record.mountsBefore);
  const spec = record.hooksAfter ? directory.loadConfig() : undefined;
  directory.remove();
  if (spec !== undefined) runPoststop(spec, record, inBundle);
}

/**
 * AS RUNC: the container is gone by now; a hook that fails only fails the command. DIFFERS: without the file
 * that is to take what they print crun runs none, and what they were to take down stays.
 */
function runPoststop(spec: Spec, record: StateRecord, inBundle: boolean): void {
  let opened: HookOutput | undefined;
  let unopened: TsrunError | undefined;
  try {
    opened = outputFor(spec, "poststop");
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    unopened = error;
  }
  using output = opened;
  runHooks(spec.hooks, "poststop", stateForHooks(record, "stopped", 0), { inBundle, output });
  if (unopened !== undefined) throw unopened;
}

/**
 * Where `create` was killed before it had made the cgroup, or before it could say so, the path may be another
 * container's: nobody in it is killed. What `create` itself had put there ends with it.
 */
function removeCgroup(record: StateRecord, forced: DestroyOptions["forced"]): void {
  const { cgroup, cgroupIsPlanned, ownPidNamespace } = record;
  if (cgroupIsPlanned === true && !waitUntilEmpty(cgroup)) {
    forced?.warning("the cgroup that the container was to have is in use by others, and stays");
    return;
  }
  const kills = cgroupIsPlanned !== true && (forced !== undefined || !ownPidNamespace);
  if (kills) orWarn(forced, () => killProcesses(cgroup, SIGKILL));
  orWarn(forced, () => destroyCgroup(cgroup));
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
