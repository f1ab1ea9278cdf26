// `restore`: has criu make a container run again from the images of `checkpoint`. Read it beside create.ts:
// criu does here what create does inside the container (runc: restore.go, libcontainer/criu_linux.go).

import { applyResources, createCgroup, joinNewCgroup } from "../cgroups/driver.ts";
import { frozenHindrance, OR_ANOTHER_PATH } from "../cgroups/frozen.ts";
import { killProcesses } from "../cgroups/members.ts";
import type { CgroupRecord } from "../cgroups/record.ts";
import { unmakeCgroups } from "../cgroups/tree.ts";
import { revive } from "../checkpoint/revive.ts";
import type { Notice } from "../checkpoint/service.ts";
import { TsrunError } from "../errors.ts";
import type { HookOutput } from "../hooks/output.ts";
import { HOOK_KINDS } from "../hooks/plan.ts";
import type { Descriptor } from "../linux/files/files.ts";
import { sendDescriptor } from "../linux/files/unix-sockets.ts";
import { SIGHUP, SIGINT, SIGKILL, SIGQUIT, SIGTERM } from "../linux/numbers/sched.ts";
import { reapChild } from "../linux/process/children.ts";
import { watchSignals } from "../linux/process/signals.ts";
import { checkOwnNamespaces } from "../namespaces/own-namespaces.ts";
import { setLoopbackUpOf } from "../network/loopback-of.ts";
import { loadBundle } from "./bundle.ts";
import { attachTerminal, openConsole } from "./console.ts";
import { endWithHooks, runHostHooks } from "./creation-hooks.ts";
import { findCriu } from "./criu.ts";
import { destroyIfThere, endOf, killAndWait } from "./destroy.ts";
import { prepareForeground, type SupervisedEnd, supervise } from "./foreground.ts";
import { NOTIFY, withHandedDown } from "./handed-down.ts";
import { outputFor } from "./hook-state.ts";
import { identityOf, newRecord } from "./new-record.ts";
import { proxyNotifications } from "./notify-socket.ts";
import type { GlobalOptions, RestoreOptions } from "./options.ts";
import { writePidFile } from "./pid-file.ts";
import { type ContainerPlan, planWithoutFilter } from "./plan.ts";
import type { StateRecord } from "./record.ts";
import { createStateDirectory, type StateDirectory } from "./store.ts";
import { addCgroupRemoval, addOwn, Undo, whileThere } from "./undo.ts";

/** Where the container's root is mounted for criu, in a new mount namespace. */
const CRIU_ROOT = "criu-root";
/** AS RUNC: the text of the message to the console socket. */
const MASTER_NAME = "orphan-pts-master";

/**
 * Restores a container. Returns the exit status of its first process, 128 + signal if a signal ended it, 0 if
 * detached.
 */
export function restoreContainer(globals: GlobalOptions, options: RestoreOptions): number {
  const bundle = loadBundle(options.bundle);
  for (const warning of bundle.oddKeys) globals.log.warning(warning);
  const creation = { ...options, noNewKeyring: false, preserveFds: 0 };
  checkOwnNamespaces(bundle.spec);
  const spec = withHandedDown(bundle.spec, creation, `${globals.root}/${options.id}`);
  const request = { bundle: { ...bundle, spec }, options: creation, globals };
  // A seccomp filter comes out of the images.
  const plan: ContainerPlan = { ...planWithoutFilter(request), seccomp: undefined };
  const foreground = options.detach ? undefined : prepareForeground({ reaper: !options.noSubreaper });
  using interrupt = foreground === undefined ? undefined : watchSignals([SIGHUP, SIGINT, SIGQUIT, SIGTERM]);
  const { socket, ours } = openConsole({
    foreground: foreground !== undefined,
    terminal: bundle.spec.process?.terminal === true,
    socket: options.consoleSocket,
  });
  using console = socket;
  using terminal = ours;

  using output = outputFor(spec, ...HOOK_KINDS);
  using directory = createStateDirectory(globals.root, options.id, bundle.text);
  // After the directory, so that it is still open when all this is undone.
  using undo = new Undo();
  undo.add(() => directory.remove());
  if (options.notifySocket !== undefined) directory.makeSharedDirectory(NOTIFY);
  if (plan.cgroup.isDisabled === true) directory.noteNoCgroup();
  using notify = proxyNotifications(globals, directory, options.notifySocket);
  const record = toldIfDeleted(directory, () =>
    reviveProcesses(globals, { plan, options, directory, console, undo, output, interrupt }),
  );
  const pid = record.init_process_pid;

  using relay = attachTerminal(terminal, globals);
  writePidFile(globals, options, pid);
  undo.commit();
  if (foreground === undefined) return 0;
  let end: SupervisedEnd | undefined;
  try {
    end = supervise(pid, foreground, { relay, notify });
    return end.status;
  } finally {
    killAndWait(record);
    reapChild(pid);
    destroyIfThere(directory, record, { by: "restore", end: endOf(end) });
  }
}

/**
 * `delete --force` beside the restore ends criu and removes the state. What failed because of that says less
 * than the deletion.
 */
function toldIfDeleted<T>(directory: StateDirectory, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    // It kills criu first. What is undone needs the lock, too.
    directory.lock();
    if (directory.isNamed()) throw error;
    throw new TsrunError("E_STATE", "the container was deleted meanwhile", { cause: error });
  }
}

interface Revival {
  readonly plan: ContainerPlan;
  readonly options: RestoreOptions;
  readonly directory: StateDirectory;
  /** The socket for the terminal's master. */
  readonly console: Descriptor | undefined;
  readonly undo: Undo;
  readonly output: HookOutput | undefined;
  /** Ready if a foreground restore was told to end: there is no process yet that gets the signal. */
  readonly interrupt: Descriptor | undefined;
}

/** Does everything from an empty state directory to running processes. */
function reviveProcesses(globals: GlobalOptions, revival: Revival): StateRecord {
  const { plan, options, directory, console, undo, output, interrupt } = revival;
  const criu = findCriu(globals, interrupt);
  // As in create: the state names each thing before that thing is made.
  let record = newRecord(plan, directory);
  directory.lock();
  directory.save(record);
  const made: string[] = [];
  addOwn(undo, directory, () => unmakeCgroups(made));
  const cgroup = createCgroup(plan.cgroup, { rootless: plan.rootless, made });
  addCgroupRemoval(undo, { cgroup, made, id: options.id, directory, log: globals.log });
  endWithHooks(undo, plan, { directory, output });
  undo.add(() => endRevived(directory, record, cgroup));
  const putOnRecord = (): void => {
    record = { ...record, cgroup, cgroupIsPlanned: false };
    directory.save(record);
    directory.unlock();
  };
  const { admit, ...join } = joinNewCgroup(plan.cgroup, cgroup, made);
  const admitAndRecord = (pid: number): void => {
    admit?.(pid);
    putOnRecord();
  };
  if (admit === undefined) putOnRecord();

  const notified = ({ script, pid, descriptor }: Notice): void => {
    switch (script) {
      case "setup-namespaces":
        // DIFFERS: runc leaves it down, and no connection over it can be restored. As in create, it is up
        // before hooks run.
        if (plan.namespaces.created.has("network")) setLoopbackUpOf(pid);
        // They may have to set up its network. DIFFERS: runc tells them "stopped"; nothing runs yet, and the
        // hooks are those of create.
        runHostHooks(plan, pid, output);
        break;
      case "orphan-pts-master":
        if (console !== undefined && descriptor !== undefined) {
          sendDescriptor(console, MASTER_NAME, descriptor.number);
        }
        break;
      case "post-restore":
        // The processes are still stopped, so their pids are saved before they run.
        record = { ...record, created: new Date().toISOString(), ...identityOf(pid) };
        directory.save(record);
        break;
    }
  };
  revive({
    criu: criu.path,
    version: criu.version,
    options,
    annotations: plan.bundle.spec.annotations,
    rootfs: plan.rootfs,
    namespaces: plan.namespaces,
    cgroup: admit === undefined ? join : { ...join, admit: admitAndRecord },
    hindrance: frozenHindrance(cgroup, { otherwise: OR_ANOTHER_PATH }),
    limit: () => {
      const { resources, devices } = plan.cgroup;
      const { rootless } = plan;
      whileThere(directory, () => applyResources(cgroup, resources, { rootless, devices }));
    },
    root: `${directory.path}/${CRIU_ROOT}`,
    givesStandardStreams: console === undefined,
    trace: globals.trace,
    limits: { interrupt },
    debug: globals.log.debug.bind(globals.log),
    notified,
  });
  return record;
}

function endRevived(directory: StateDirectory, record: StateRecord, cgroup: CgroupRecord): void {
  // A unit that systemd refused to make is another container's.
  const isOurs = record.cgroupIsPlanned !== true && directory.lockIfThere();
  if (isOurs) killProcesses(cgroup, SIGKILL);
  if (record.init_process_pid !== 0) reapChild(record.init_process_pid);
}
