// Ends a container and removes everything that it leaves: processes, cgroups, mounts, state. Called by
// delete, run, restore, checkpoint and gc.

import {
  destroyCgroup,
  destroyKilledCgroup,
  killProcesses,
  readMembers,
  readProcesses,
  waitUntilEmpty,
} from "../cgroups/members.ts";
import { ownOomKills } from "../cgroups/oom-kills.ts";
import type { CgroupRecord } from "../cgroups/record.ts";
import { TsrunError } from "../errors.ts";
import type { HookOutput } from "../hooks/output.ts";
import { runHooks } from "../hooks/run.ts";
import { hasErrno } from "../linux/call/call.ts";
import { readLink, removeDirectory, status } from "../linux/files/files.ts";
import { SIGKILL } from "../linux/numbers/sched.ts";
import { endOfZombie, processStatus } from "../linux/process/process.ts";
import { detachMount } from "../rootfs/host/host-mounts.ts";
import type { Spec } from "../spec/types.ts";
import type { End, Ending } from "./ending.ts";
import { remember } from "./endings.ts";
import type { SupervisedEnd } from "./foreground.ts";
import { outputFor, stateForHooks } from "./hook-state.ts";
import type { GlobalOptions } from "./options.ts";
import { ownCgroup } from "./own-cgroup.ts";
import type { StateRecord } from "./record.ts";
import { signalInit } from "./signal-init.ts";
import { openInit } from "./status.ts";
import type { StateDirectory } from "./store.ts";

/** How long a killed first process may take to end, in milliseconds, as in runc. */
const KILL_TIMEOUT_MS = 10_000;

/** Sends SIGKILL, and waits for the end of the first process. */
export function killAndWait(record: StateRecord): void {
  const handle = openInit(record);
  if (handle === undefined) return;
  using process = handle;
  signalInit(record, SIGKILL);
  if (!process.waitForEnd(KILL_TIMEOUT_MS)) throw new TsrunError("E_STATE", "container init still running");
}

/**
 * Like `destroy`, for a command that has released the lock: a `delete` may have removed the container since,
 * and there may be a new one with its id.
 */
export function destroyIfThere(
  directory: StateDirectory,
  record: StateRecord,
  options: DestroyOptions,
): void {
  if (directory.lockIfThere()) destroy(directory, record, options);
}

/** What the end of a supervised process tells. */
export function endOf(supervised: SupervisedEnd | undefined): End {
  const { status: exited, signal } = supervised ?? {};
  if (signal === undefined) return {};
  return signal === 0 ? { status: exited } : { signal };
}

/** Remembers the end of a container that stays. */
export function rememberEnd(
  directory: StateDirectory,
  record: StateRecord,
  told: Pick<DestroyOptions, "by" | "end">,
): void {
  remember(directory.root, endingOf(record, told));
}

/** What can be known of its end; once the cgroup is removed, its counters are gone. */
function endingOf(
  record: StateRecord,
  { by, end, isKilled = false }: Pick<DestroyOptions, "by" | "end" | "isKilled">,
): Ending {
  const { id, created, init_process_pid: pid, init_process_start: startTime } = record;
  const zombie = end === undefined && pid !== 0 ? endOf(endOfZombie(pid, startTime)) : {};
  return {
    ...{ id, created, at: Date.now(), by, pid },
    ...(isKilled ? { isKilled } : {}),
    ...(end ?? zombie),
    ...ownOomKills(ownCgroup(record)),
  };
}

export interface DestroyOptions {
  /** Set to remove the container in any case: processes are killed, and leftovers are only reported. */
  readonly forced?: GlobalOptions["log"] | undefined;
  readonly inBundle?: boolean;
  /** The command. */
  readonly by: string;
  /** How the first process has ended, if the command has waited for it. */
  readonly end?: End | undefined;
  /** The command has killed it. */
  readonly isKilled?: boolean;
  /** It had ended when the command got the lock, so its cgroup may be another container's by now. */
  readonly hadEnded?: boolean;
}

/**
 * Removes everything of a container whose first process has ended; the state last, so that the command can be
 * repeated after a failure.
 */
export function destroy(
  directory: StateDirectory,
  record: StateRecord,
  { forced, inBundle = true, hadEnded = false, ...told }: DestroyOptions,
): void {
  const ending = endingOf(record, told);
  const spec = record.hooksAfter ? configOf(directory, forced) : undefined;
  const left = removeCgroup(record, { forced, hadEnded });
  if (record.rdt?.remove !== undefined) removeDirectory(record.rdt.remove);
  if (record.mountsBefore !== undefined) detachMount(record.rootfs, record.mountsBefore);
  const remains = directory.remove();
  if (remains !== undefined) {
    remember(directory.root, { ...ending, ...remains });
    for (const path of left) remember(directory.root, { ...ending, left: [path] });
  }
  if (spec === undefined) return;
  // Hooks may take as long as they like, and nobody need wait: there is no container any more.
  directory.unlock();
  runPoststop(spec, record, inBundle);
}

/**
 * The configuration with the hooks. With force the container is also removed if that is damaged or gone.
 */
function configOf(directory: StateDirectory, forced: DestroyOptions["forced"]): Spec | undefined {
  try {
    return directory.loadConfig();
  } catch (error) {
    if (forced === undefined || !(error instanceof TsrunError)) throw error;
    if (error.errno !== undefined && error.errno !== "ENOENT") throw error;
    forced.warning(`${error.message}; its poststop hooks have not run`);
    return undefined;
  }
}

/**
 * AS RUNC: the container is already gone, so a failing hook only makes the command fail. DIFFERS: if the file
 * for their output cannot be opened, crun runs no hooks, and they cannot clean up.
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

/** Returns what could not be removed. */
function removeCgroup(
  record: StateRecord,
  { forced, hadEnded }: Pick<DestroyOptions, "forced"> & { readonly hadEnded: boolean },
): string[] {
  const { cgroup, cgroupIsPlanned, ownPidNamespace } = record;
  if (cgroupIsPlanned === true) return removePlannedCgroup(record, forced);
  const mayBeOthers = forced !== undefined && hadEnded && ownPidNamespace && record.init_process_pid !== 0;
  if (mayBeOthers && holdsOthers(record)) {
    forced.warning("the container's cgroup is in use by another container, not removing it");
    return [];
  }
  const kills = forced !== undefined || !ownPidNamespace;
  if (kills) orWarn(forced, () => killProcesses(cgroup, SIGKILL));
  try {
    (kills ? destroyKilledCgroup : destroyCgroup)(cgroup);
    return [];
  } catch (error) {
    // v1 does not list them, not even as 0.
    const isUnseen = mayBeOthers && hasErrno(error, "EBUSY") && readProcesses(cgroup).length === 0;
    if (isUnseen) throw unseen("processes");
    warnInstead(forced, error);
    return cgroupsLeft(cgroup);
  }
}

/**
 * If `create` was killed before it had made the cgroup, or could record it, the path may belong to another
 * container, so no process in it is killed. The processes that `create` itself had put there end with it.
 */
function removePlannedCgroup(record: StateRecord, forced: DestroyOptions["forced"]): string[] {
  const { cgroup } = record;
  if (!waitUntilEmpty(cgroup)) {
    checkFirst(record, readProcesses(cgroup));
    forced?.warning("the cgroup that was planned for the container is in use by others, not removing it");
    return [];
  }
  // An empty scope ends by itself, so a scope of this name may be another container's.
  const { unit: _planned, ...directories } = cgroup;
  return orWarn(forced, () => destroyCgroup(directories)) ? [] : cgroupsLeft(cgroup);
}

/** The container looks ended, but runs if our pid namespace does not have the processes in its cgroup. */
function unseen(processes: string): TsrunError {
  const words = `its cgroup has ${processes} that do not exist in tsrun's pid namespace`;
  return new TsrunError("E_STATE", `cannot delete the container: ${words}`, {
    hint: "delete it from the pid namespace in which it was created",
  });
}

/**
 * Whether another container is in the cgroup: `create` takes over an existing cgroup if it is empty, for
 * example for a container of the same id below another state root. The first process of this container has
 * ended, and with it all others of its pid namespace. So a process that is now in the cgroup, and in another
 * pid namespace than tsrun, belongs to another container. Throws if there are processes of which that cannot
 * be said.
 */
function holdsOthers(record: StateRecord): boolean {
  const { seen, unseen: hidden } = readMembers(record.cgroup);
  if (hidden > 0) throw unseen(`${hidden} process(es)`);
  checkFirst(record, seen);
  if (seen.length === 0) return false;
  const own = readLink("/proc/self/ns/pid");
  return seen.some((pid) => (readLink(`/proc/${pid}/ns/pid`) ?? own) !== own);
}

/**
 * Throws for a process that has the first process' pid, and is in its cgroup, but began at another time. It
 * may be the first process, if an older version kept the time of another time namespace, or that of another
 * container.
 */
function checkFirst({ init_process_pid: pid }: StateRecord, members: readonly number[]): void {
  if (!members.includes(pid) || processStatus(pid)?.hasEnded !== false) return;
  const words = `process ${pid} in its cgroup has the pid of its first process, but began at another time`;
  throw new TsrunError("E_STATE", `cannot delete the container: ${words}`, {
    hint: "delete it from the time namespace in which it was created, or end that process first",
  });
}

/** The container's cgroups that are still there, for `gc`. */
function cgroupsLeft({ created }: CgroupRecord): string[] {
  return created.flatMap((path) => {
    const found = status(path);
    return found === undefined ? [] : [`${found.inode} ${path}`];
  });
}

/** With force, a cgroup that cannot be removed, because a process of the host is in it, is only a warning. */
function orWarn(forced: DestroyOptions["forced"], step: () => void): boolean {
  try {
    step();
    return true;
  } catch (error) {
    warnInstead(forced, error);
    return false;
  }
}

function warnInstead(forced: DestroyOptions["forced"], error: unknown): void {
  if (forced === undefined || !(error instanceof TsrunError)) throw error;
  forced.warning(`${error.message}; removing the container without that`);
}
