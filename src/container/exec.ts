// `exec`: runs one more process in a container. A process joins the container's cgroup and namespaces, but
// stays in the host's pid namespace, where the container does not see it, and becomes the user. Its child is
// cloned into the container's pid namespace, and executes the program (stand.ts). Read it beside create.ts.

import { frozenHindrance } from "../cgroups/frozen.ts";
import { delegated, joinFiles, openToJoin } from "../cgroups/join.ts";
import { useReserve } from "../engine/host/memory.ts";
import { TsrunError } from "../errors.ts";
import { type Descriptor, tryWriteFile } from "../linux/files/files.ts";
import { setOpenFilesLimits } from "../linux/process/limits.ts";
import { neverExecuted } from "../linux/process/process.ts";
import { type Standing, standInNamespaces } from "../namespaces/stand.ts";
import {
  becomeUser,
  type Executable,
  enterInChild,
  lookAround,
  prepareUser,
  searchProgram,
} from "../process/become-user.ts";
import { maskText } from "../process/cpu-list.ts";
import { closeOnExecute, execute } from "../process/execute.ts";
import { resetCpuAffinity, setCpuAffinity, setLimits, writeOomScore } from "../process/host-side.ts";
import { openLabelFiles } from "../process/label-files.ts";
import { hasLabels, type LabelFiles } from "../process/labels.ts";
import { isLostByFork, schedulerHint } from "../process/scheduling.ts";
import { ownKeyring } from "../process/session.ts";
import type { Operation } from "../proxy/calls/operation.ts";
import type { Conversation } from "../proxy/conversation.ts";
import { phase, recording } from "../spans.ts";
import { sendPidfd } from "../terminal/socket.ts";
import { askedBy, explainFailure } from "./causes.ts";
import { attachTerminal, giveTerminal, openConsole } from "./console.ts";
import { subCgroup } from "./exec-cgroup.ts";
import { namespacesOf } from "./exec-namespaces.ts";
import { type ExecPlan, planExec, stopped } from "./exec-plan.ts";
import { executeError } from "./execute-error.ts";
import { type LastFilter, placeSeccomp, type Recipient } from "./filter.ts";
import { prepareForeground, supervise } from "./foreground.ts";
import { checkInherited } from "./handed-down.ts";
import { isLate, planInside } from "./inside.ts";
import type { ExecOptions, GlobalOptions } from "./options.ts";
import { ENTERING, EXECUTING, INSIDE } from "./phases.ts";
import { writePidFile } from "./pid-file.ts";
import { isAlive } from "./status.ts";
import { Undo } from "./undo.ts";

/**
 * Runs a process in a container. Returns its exit status, 128 + signal when a signal ended it, 0 when
 * detached.
 */
export function execContainer(globals: GlobalOptions, options: ExecOptions): number {
  checkInherited(options, globals);
  phase("plan");
  const plan = planExec(globals, options);
  for (const warning of plan.process.warnings) globals.log.warning(warning);
  const foreground = options.detach ? undefined : prepareForeground({ reaper: false });
  const console = openConsole({
    foreground: foreground !== undefined,
    terminal: plan.terminal,
    socket: options.consoleSocket,
  });
  using terminal = console.socket;

  using undo = new Undo();
  undo.add(() => plan.init.close());
  phase("join the container");
  globals.trace?.debug(ENTERING);
  const { standing, labels } = orSayStopped(plan, () => join(plan, { globals, options, terminal }));
  undo.add(() => standing.end());
  // tsrun finds this out while the kernel makes a process in the container's cgroup.
  const filtersLate = plan.process.noNewPrivileges || isLate(plan);
  const pid = orSayStopped(plan, () => standing.proxy.pid);
  globals.trace?.debug(INSIDE);
  phase("become the user");
  recording()?.nameProcess(pid, "process with privileges");
  giveFromOutside(pid, plan);
  const ready = orSayStopped(plan, () => becomeReady(standing, plan, { options, labels, filtersLate }), pid);
  terminal?.close();
  plan.init.close();
  using relay = attachTerminal(console.ours, globals);
  phase("go inside");
  const proxy = orSayStopped(plan, () => goInside(standing, plan, ready));
  const { final } = plan.process.affinity;
  if (final !== undefined) setCpuAffinity(proxy.pid, final);
  if (options.pidfdSocket !== undefined) sendPidfd({ path: options.pidfdSocket, kind: "setns" }, proxy.pid);
  phase("execute the program");
  recording()?.nameProcess(proxy.pid, "process inside");
  globals.trace?.debug(EXECUTING);
  orSayStopped(plan, () => becomeProgram(proxy, plan, ready, options), proxy.pid);

  phase("tell the caller");
  // AS RUNC: conmon takes the pid file as the sign of success, so it comes last, and only after success.
  writePidFile(globals, options, proxy.pid);
  undo.commit();
  options.inShim?.began(proxy.pid);
  proxy.close();
  standing.reapOthers();
  phase("the program runs");
  return foreground === undefined ? 0 : supervise(proxy.pid, foreground, { relay }).status;
}

interface JoinRequest {
  readonly globals: GlobalOptions;
  readonly options: ExecOptions;
  readonly terminal: Descriptor | undefined;
}

/** If something fails because the container has ended meanwhile, the error says that. */
function orSayStopped<Result>(plan: ExecPlan, act: () => Result, pid?: number): Result {
  try {
    return act();
  } catch (error) {
    if (!isAlive(plan.record)) throw stopped(error);
    // A look at the container's files may wait without end, and a shim must not.
    throw plan.explains ? explainFailure(error, () => askedBy(plan, pid)) : error;
  }
}

interface Joined {
  readonly standing: Standing;
  /** The files that the labels of the process will be written to. */
  readonly labels: LabelFiles | undefined;
}

/**
 * World of the returned process: in the container's cgroup, about to enter its namespaces, with all
 * privileges.
 */
function join(plan: ExecPlan, { globals, options, terminal }: JoinRequest): Joined {
  const { record, init, delegate } = plan;
  const divided = options.cgroups.length === 0 ? init : undefined;
  const cgroup =
    divided === undefined ? subCgroup(record.cgroup, options.cgroups) : delegated(record.cgroup, delegate);
  const { directory: path, ...join } = joinFiles(cgroup, { init: divided });
  using directory = path === undefined ? undefined : openToJoin(path);
  let labels: LabelFiles | undefined;
  const standing = standInNamespaces({
    joinsBelow: init,
    plan: {
      joins: namespacesOf(init, plan.made),
      created: new Set(),
      uidMappings: [],
      gidMappings: [],
      timeOffsets: [],
      keepsGroups: plan.process.keepsGroups,
      entersRoot: record.chrooted === true || record.mountsBefore !== undefined,
    },
    cgroup: { ...join, directory },
    beforeCgroup: beginOn(plan, globals),
    inherited: options.preserveFds,
    stdio: options.inShim?.stdio,
    extra: [terminal],
    rootless: plan.rootless,
    trace: globals.trace,
    // With --ignore-paused the caller has agreed to wait until the container is resumed.
    hindrance: frozenHindrance(record.cgroup, {
      mayBePaused: options.ignorePaused,
      first: record.init_process_pid,
    }),
    beforeJoining: (proxy) => {
      if (hasLabels(plan.process)) labels = openLabelFiles(proxy, plan.process);
    },
  });
  return { standing, labels };
}

/** The CPUs on which it begins, before it is in a cgroup whose cpuset may not have them (config.md). */
function beginOn({ process }: ExecPlan, { trace }: GlobalOptions): (pid: number) => void {
  const { initial } = process.affinity;
  return (pid) => {
    if (initial === undefined) return;
    setCpuAffinity(pid, initial);
    trace?.debug(`nsexec: affinity: ${maskText(initial)}`);
  };
}

interface Ready {
  readonly executable: Executable;
  readonly filter: LastFilter;
  /** What the process that executes does first. The container sees this process and none before it. */
  readonly inside: readonly Operation[];
  readonly entersInChild: boolean;
}

interface ReadyOptions {
  readonly options: ExecOptions;
  readonly labels: LabelFiles | undefined;
  /** Whether the filter can only be installed in sight of the container: see `isLate`. */
  readonly filtersLate: boolean;
}

/**
 * World: the container's namespaces and root, all privileges in them; the container does not see the process,
 * unless it sees the host's processes. Everything that takes privileges is done here, and then they are given
 * up, in the order of identity.ts.
 */
function becomeReady(
  standing: Standing,
  plan: ExecPlan,
  { options, labels, filtersLate }: ReadyOptions,
): Ready {
  const { proxy, hidden } = standing;
  const { process } = plan;
  const [socket] = standing.extra;
  proxy.say(ownKeyring(process, labels));
  if (socket !== undefined) giveTerminal(proxy, { size: plan.consoleSize, socket, withoutSession: true });
  const filter = placeSeccomp(plan);
  const installsNow = hidden && filter.beforeWaiting.length > 0 && !filtersLate;
  const inside = planInside(process, {
    hidden,
    hasTerminal: socket !== undefined,
    filterLater: plan.seccomp !== undefined && !installsNow,
  });
  const becoming = {
    ...inside.becoming,
    filter: plan.seccomp !== undefined,
    labels,
    joins: plan.init,
  };
  const look = lookAround(proxy, becoming);
  const prepared = prepareUser(becoming);
  const seen = look();
  // As in create: the process needs no further descriptors.
  if (options.inShim !== undefined) setOpenFilesLimits(options.inShim.limits, proxy.pid);
  setLimits(proxy.pid, process.rlimits, { forOneMore: true });
  becomeUser(proxy, becoming, { prepared, seen });
  const program = searchProgram(proxy, becoming, prepared, seen);
  proxy.say(closeOnExecute(3 + options.preserveFds));
  if (installsNow) proxy.say(filter.beforeWaiting);
  proxy.settle();
  return {
    executable: program(),
    filter: installsNow ? { ...filter, beforeWaiting: [] } : filter,
    inside: inside.operations,
    entersInChild: seen.entersInChild,
  };
}

/** World of the returned process: the same namespaces, the user's credentials; the container sees it. */
function goInside(standing: Standing, { process }: ExecPlan, ready: Ready): Conversation {
  try {
    const proxy = standing.goInside(ready.inside);
    if (ready.entersInChild) enterInChild(proxy, process);
    return proxy;
  } catch (error) {
    if (!(error instanceof TsrunError) || error.errno !== "EPERM" || !isLostByFork(process.scheduling)) {
      throw error;
    }
    const hint = schedulerHint(process.scheduling);
    throw new TsrunError("E_SYSCALL", error.message, { errno: error.errno, hint });
  }
}

/**
 * What tsrun sets from outside, because the /proc that the process itself sees is the container's, unlike in
 * create.
 */
function giveFromOutside(pid: number, plan: ExecPlan): void {
  const { process, rootless, record } = plan;
  // AS RUNC: somebody else may have removed the group; the process then stays in the default group.
  for (const file of record.rdt?.tasks ?? []) tryWriteFile(file, `${pid}`);
  if (process.affinity.initial === undefined) resetCpuAffinity(pid);
  if (process.oomScoreAdj !== undefined) writeOomScore(pid, process.oomScoreAdj, { rootless });
}

/** World: the user's credentials, and CAP_SYS_ADMIN if the filter comes late. Ends as the program. */
function becomeProgram(
  proxy: Conversation,
  plan: ExecPlan,
  { executable, filter }: Ready,
  { inShim }: ExecOptions,
): void {
  const { process } = plan;
  let first = filter.beforeWaiting;
  if (plan.seccomp?.notify === true) {
    proxy.ask(first);
    filter.handOver(recipientOf(plan, proxy));
    first = [];
  }
  proxy.settle();
  // From here on the program is executed even if tsrun itself fails.
  useReserve();
  inShim?.mayHaveExecuted(true);
  const failed = proxy.execute([...first, ...filter.beforeExecute, execute(process, executable)]);
  const program = process.args[0] ?? "";
  const hasExecuted = failed === undefined && !neverExecuted(proxy.pid);
  inShim?.mayHaveExecuted(hasExecuted);
  if (failed !== undefined) throw executeError(program, { call: failed.call, errno: -(failed.result ?? 0) });
  if (!hasExecuted) {
    throw new TsrunError("E_EXEC", `cannot execute "${program}": the process was killed before that`);
  }
}

/** The agent that the container's seccomp profile notifies, and what it is told about this process. */
function recipientOf({ record, listener }: ExecPlan, proxy: Conversation): Recipient {
  const { id, ociVersion, bundle, annotations, init_process_pid } = record;
  const container = { id, status: "running", pid: init_process_pid, bundle, annotations } as const;
  return { proxy, pid: proxy.pid, to: { listener, process: { ociVersion, pid: proxy.pid, container } } };
}
