// `create`: makes a container. Read from top to bottom; every step that makes something adds what undoes it.
// The order, as far as it can be observed, is runc's (runc: libcontainer/process_linux.go and
// standard_init_linux.go).

import type { DeviceProgram } from "../cgroups/devices/apply-v2.ts";
import { applyResources, createCgroup, joinNewCgroup, prepareDevices } from "../cgroups/driver.ts";
import { frozenHindrance, OR_ANOTHER_PATH } from "../cgroups/frozen.ts";
import { oomKillsOfOthers } from "../cgroups/oom-kills.ts";
import type { CgroupRecord } from "../cgroups/record.ts";
import { unmakeCgroups } from "../cgroups/tree.ts";
import { enterDelegate } from "../cgroups/v2.ts";
import { TsrunError } from "../errors.ts";
import type { HookOutput } from "../hooks/output.ts";
import { HOOK_KINDS } from "../hooks/plan.ts";
import { type Descriptor, openDirectory } from "../linux/files/files.ts";
import { type Entered, type EnterOptions, enterNamespaces } from "../namespaces/enter.ts";
import { standUnseen } from "../namespaces/stand.ts";
import { DeviceMove } from "../network/devices.ts";
import { resetCpuAffinity, setLimits, writeOomScore } from "../process/host-side.ts";
import type { Conversation } from "../proxy/conversation.ts";
import { planGroup } from "../rdt/host.ts";
import { HostHelper } from "../rootfs/host/helper.ts";
import { detachMount } from "../rootfs/host/host-mounts.ts";
import { HostFiles } from "../rootfs/host/view.ts";
import { phase, recording } from "../spans.ts";
import { unknownKeys } from "../spec/known-keys.ts";
import { isOfAnnotation } from "../spec/semantics/annotations.ts";
import { ignoredLimits } from "../spec/semantics/resources.ts";
import { sendPidfd } from "../terminal/socket.ts";
import { type Bundle, loadBundle } from "./bundle.ts";
import { explainCreation, explainEntry, explainLimit } from "./causes.ts";
import { openConsole } from "./console.ts";
import { endWithHooks, runHostHooks } from "./creation-hooks.ts";
import { explainInitDeath } from "./death.ts";
import { rememberingFailure } from "./endings.ts";
import { listenerOf, type Recipient, type Watch } from "./filter.ts";
import { checkInherited, inheritedFds, NOTIFY, withHandedDown } from "./handed-down.ts";
import { outputFor } from "./hook-state.ts";
import { listenForStart, runCreateContainer } from "./hooks-inside.ts";
import { oomScoreFromOutside } from "./init.ts";
import { identityOf, newRecord } from "./new-record.ts";
import type { CreateOptions, GlobalOptions } from "./options.ts";
import { ENTERING, INSIDE, LETTING_GO } from "./phases.ts";
import { writePidFile } from "./pid-file.ts";
import { type ContainerPlan, planContainer } from "./plan.ts";
import type { StateRecord } from "./record.ts";
import { type Outside, setUp } from "./set-up.ts";
import { createStateDirectory, type StateDirectory } from "./store.ts";
import { addCgroupRemoval, addOwn, Undo, whileThere } from "./undo.ts";

export interface CreateMode {
  /** The caller stays, and wants the terminal for itself. */
  readonly foreground: boolean;
  /** The caller starts the container, and gets it locked: no other command may start or remove it first. */
  readonly startsIt?: boolean;
  /** Who is told of each system call of the container. */
  readonly watch?: Watch | undefined;
}

export interface Created {
  /** Still open, so that what follows at once need not look it up again, which could fail. */
  readonly directory: StateDirectory;
  readonly record: StateRecord;
  /** In the foreground: where the terminal's master arrives. */
  readonly terminal: Descriptor | undefined;
}

/** Creates a container: when this returns, its first process is set up completely and waits for `start`. */
export function createContainer(globals: GlobalOptions, options: CreateOptions, mode: CreateMode): Created {
  const { root } = globals;
  return rememberingFailure({ root, id: options.id, by: "create" }, () => {
    return makeContainer(globals, options, mode);
  });
}

function makeContainer(globals: GlobalOptions, options: CreateOptions, mode: CreateMode): Created {
  // Nothing is changed before the whole configuration has been checked.
  phase("read the configuration");
  const bundle = receiveFromCaller(loadBundle(options.bundle, options.config), options, globals);
  phase("plan");
  const plan = watched(planContainer({ bundle, options, globals }), mode.watch);
  tellWarnings(globals, plan);
  const { netDevices, intelRdt } = bundle.spec.linux ?? {};
  const rdt = intelRdt && planGroup(intelRdt, options.id);
  const console = openConsole({
    ...mode,
    terminal: bundle.spec.process?.terminal === true,
    socket: options.consoleSocket,
  });
  using terminal = console.socket;
  using output = outputFor(bundle.spec, ...HOOK_KINDS);

  phase("make the state directory");
  using devices = netDevices && new DeviceMove();
  using undo = new Undo();
  const directory = createStateDirectory(globals.root, options.id, bundle.text);
  undo.add(() => directory.remove());
  if (options.notifySocket !== undefined) directory.makeSharedDirectory(NOTIFY);
  if (plan.cgroup.isDisabled === true) directory.noteNoCgroup();
  using fifo = directory.makeFifo();
  using listener = listenForStart(bundle.spec.hooks, directory);

  // The state names each thing before that thing exists: whenever this command is killed, what is on disk is
  // enough for `delete --force` to remove everything.
  let record: StateRecord = { ...newRecord(plan, directory), ...(rdt && { rdt: rdt.record }) };
  // `delete --force` then waits until the state says what was made: before, it cannot know whose that is.
  directory.lock();
  directory.save(record);
  // Without a mount namespace of its own, the container's mounts do not go away by themselves.
  const { rootfs: root, mountsBefore } = record;
  if (mountsBefore !== undefined) addOwn(undo, directory, () => detachMount(root, mountsBefore));
  phase("make the cgroup");
  const made: string[] = [];
  addOwn(undo, directory, () => unmakeCgroups(made));
  const cgroup = makeCgroup(plan, made);
  addCgroupRemoval(undo, { cgroup, made, id: options.id, directory, log: globals.log });
  endWithHooks(undo, plan, { directory, output });
  tellUnkillable(globals, record, cgroup);
  const killsBefore = oomKillsOfOthers(cgroup);

  phase("start the first process");
  globals.trace?.debug(ENTERING);
  const entered = startFirstProcess(plan, cgroup, {
    made,
    extra: [fifo, terminal, listener, output?.stdout, output?.stderr],
    trace: globals.trace,
  });
  let { init } = entered;
  undo.add(() => entered.end());
  undo.add(() => devices?.takeBack());
  const welcome = (): void => {
    phase("wait for the first process");
    const { pid } = init;
    phase("put it on record");
    recording()?.nameProcess(pid, "first process");
    globals.trace?.debug(INSIDE);
    enterDelegate(plan.cgroup, cgroup, pid);
    record = { ...record, cgroup, cgroupIsPlanned: false, ...identityOf(pid) };
    directory.save(record);
    // Before anything is done inside: hooks and sysctls may concern the devices, and processes that are
    // started inherit the group.
    devices?.moveTo(pid, netDevices ?? {});
    if (rdt !== undefined) addOwn(undo, directory, rdt.make(pid));
    directory.unlock();
    giveFromOutside(pid, plan);
  };
  try {
    using host = new HostFiles(root);
    using helper = new HostHelper(init, root);
    using deviceProgram = prepareDevices(plan.cgroup, cgroup);
    const outside = outsideOf(plan, {
      ...{ directory, host, helper, deviceProgram, cgroup, output },
      held: entered.extra,
      watch: mode.watch,
    });
    const follow = (follower: Conversation): void => {
      init = follower;
      recording()?.nameProcess(init.pid, "first process");
      record = { ...record, ...identityOf(init.pid) };
      directory.save(record);
    };
    const startInside = setUp(plan, entered, { ...outside, welcome, follow });
    if (startInside !== undefined) {
      record = { ...record, startInside };
      directory.save(record);
    }
  } catch (error) {
    throw explainCreation(explainInitDeath(error, cgroup, killsBefore), plan, () => init.pid);
  }
  phase("tell the caller");
  sendPidfds(plan, init.pid);
  if (mode.startsIt === true) directory.lock();
  directory.announceCreated();
  // The pid file comes last, atomically: its presence tells the caller that all went well.
  writePidFile(globals, options, init.pid);
  phase("let go of the first process");
  globals.trace?.debug(LETTING_GO);
  init.close();
  undo.commit();
  reapIfPossible(entered);
  return { terminal: console.ours, directory, record };
}

/**
 * The plan with the filter that tells of system calls. Where hooks run inside, these are not to be watched,
 * and `start` installs that filter behind them.
 */
function watched(plan: ContainerPlan, watch: Watch | undefined): ContainerPlan {
  if (watch === undefined) return plan;
  const seccomp = watch.filterFor(plan.seccomp);
  return (plan.bundle.spec.hooks?.startContainer?.length ?? 0) > 0 ? plan : { ...plan, seccomp };
}

/** Sends a pidfd of the first process to the sockets that the caller and the configuration name. */
function sendPidfds({ options, annotations }: ContainerPlan, pid: number): void {
  const { pidfdReceiver } = annotations;
  if (options.pidfdSocket !== undefined) sendPidfd({ path: options.pidfdSocket, kind: "standard" }, pid);
  if (pidfdReceiver !== undefined) sendPidfd({ path: pidfdReceiver, kind: "receiver" }, pid);
}

/** Adds to the bundle what the caller hands down, after checking that it is there. */
function receiveFromCaller(bundle: Bundle, options: CreateOptions, globals: GlobalOptions): Bundle {
  checkInherited(options, globals);
  return { ...bundle, spec: withHandedDown(bundle.spec, options, `${globals.root}/${options.id}`) };
}

/** Warns of what is left out, and of what the specification requires tsrun to ignore. */
function tellWarnings({ log, trace }: GlobalOptions, { bundle, process }: ContainerPlan): void {
  for (const warning of bundle.oddKeys) log.warning(warning);
  for (const warning of process.warnings) log.warning(warning);
  for (const { pointer, message } of ignoredLimits(bundle.spec.linux?.resources ?? {})) {
    log.warning(`/linux/resources${pointer}: ${message}`);
  }
  for (const { pointer, message } of bundle.warnings) {
    if (isOfAnnotation(pointer)) log.warning(`${pointer}: ${message}`);
  }
  if (trace === undefined) return;
  const unknown = unknownKeys(JSON.parse(bundle.text));
  for (const { pointer, message } of [...bundle.warnings, ...unknown.warnings]) {
    if (!isOfAnnotation(pointer)) log.debug(`${pointer}: ${message}`);
  }
  if (unknown.untold > 0) log.debug(`${unknown.untold} more unknown keys, ignoring`);
}

/** AS RUNC: its words, which its suite knows. */
function tellUnkillable({ log }: GlobalOptions, record: StateRecord, cgroup: CgroupRecord): void {
  if (record.ownPidNamespace || Object.keys(cgroup.paths).length > 0) return;
  log.warning(
    "a container without a cgroup and a pid namespace of its own cannot be killed whole: only its first " +
      "process is known. Such configuration is strongly discouraged",
  );
}

interface OutsideOptions {
  readonly directory: StateDirectory;
  readonly host: HostFiles;
  readonly helper: HostHelper;
  readonly deviceProgram: DeviceProgram | undefined;
  readonly cgroup: CgroupRecord;
  readonly output: HookOutput | undefined;
  /** Descriptors of the first process that its hooks must not inherit. */
  readonly held: readonly (number | undefined)[];
  readonly watch: Watch | undefined;
}

/**
 * What tsrun does from outside while `setUp` tells the first process what to do, except putting it on record.
 */
function outsideOf(
  plan: ContainerPlan,
  { directory, host, helper, deviceProgram, cgroup, output, held, watch }: OutsideOptions,
): Omit<Outside, "welcome" | "follow"> {
  return {
    host,
    helper,
    hookFiles: output?.paths,
    letGoOfHelper: () => helper[Symbol.dispose](),
    prepareLimits: () => deviceProgram?.prepare(),
    limit: () => {
      const { resources, devices } = plan.cgroup;
      whileThere(directory, () => {
        applyResources(cgroup, resources, { rootless: plan.rootless, devices, deviceProgram });
      });
    },
    runHooks: (init, inside) => {
      const state = runHostHooks(plan, init.pid, output);
      runCreateContainer(init, plan, { state, held, output: inside });
    },
    limitProgram: (init) => setLimits(init.pid, plan.process.rlimits, { forOneMore: plan.isUnseen }),
    recipient: (init) => (plan.seccomp?.notify === true ? recipientOf(plan, init, watch) : undefined),
  };
}

/** Sets the CPU affinity and the OOM score. */
function giveFromOutside(pid: number, plan: ContainerPlan): void {
  resetCpuAffinity(pid);
  const score = oomScoreFromOutside(plan);
  if (score !== undefined) writeOomScore(pid, score, { rootless: plan.rootless });
}

function makeCgroup(plan: ContainerPlan, made: string[]): CgroupRecord {
  try {
    return createCgroup(plan.cgroup, { rootless: plan.rootless, made });
  } catch (error) {
    throw explainLimit(error);
  }
}

function startFirstProcess(
  plan: ContainerPlan,
  cgroup: CgroupRecord,
  { made, ...rest }: Pick<EnterOptions, "extra" | "trace"> & { readonly made: string[] },
): Entered {
  const { directory: path, ...join } = joinNewCgroup(plan.cgroup, cgroup, made);
  using directory = path === undefined ? undefined : openDirectory(path);
  try {
    const enter = plan.isUnseen ? standUnseen : enterNamespaces;
    return enter({
      plan: plan.namespaces,
      cgroup: { ...join, directory },
      inherited: inheritedFds(plan.options),
      rootless: plan.rootless,
      hindrance: frozenHindrance(cgroup, { otherwise: OR_ANOTHER_PATH }),
      ...rest,
    });
  } catch (error) {
    throw explainEntry(error, plan.namespaces);
  }
}

/**
 * Who gets the notifications of the container's filter: whoever watches the container, or the agent of its
 * seccomp profile, which is told about the container. That is still `creating`.
 */
function recipientOf(
  { bundle, options }: ContainerPlan,
  proxy: Conversation,
  watch: Watch | undefined,
): Recipient {
  const { ociVersion, annotations } = bundle.spec;
  const { pid } = proxy;
  if (watch !== undefined) return { proxy, pid, to: watch };
  const container = { id: options.id, status: "creating", pid, bundle: bundle.path, annotations } as const;
  return { proxy, pid, to: { listener: listenerOf(bundle.spec), process: { ociVersion, pid, container } } };
}

/**
 * Everything is made by now, so a failure is ignored: the processes end by themselves, and their next parent
 * reaps them.
 */
function reapIfPossible({ reapOthers }: Entered): void {
  try {
    reapOthers();
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
  }
}
