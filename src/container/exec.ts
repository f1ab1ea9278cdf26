// `exec`: one more process in a container. The first proxy joins the container's cgroup and every namespace
// it has, the second is cloned into its pid namespace, becomes the user, and executes. Read with create.ts,
// whose stages it shares.

import { joinFiles } from "../cgroups/join.ts";
import { TsrunError, wrapError } from "../errors.ts";
import { endChild } from "../linux/children.ts";
import { type Descriptor, openDirectory, readLink, tryWriteFile } from "../linux/files.ts";
import { endedBeforeExecuting } from "../linux/process.ts";
import { type Entered, enterNamespaces } from "../namespaces/enter.ts";
import { type Join, NAMESPACE_KINDS, NAMESPACES, type NamespaceKind } from "../namespaces/plan.ts";
import { becomeUser } from "../process/become-user.ts";
import { maskText } from "../process/cpu-list.ts";
import { closeOnExecute, execute } from "../process/execute.ts";
import {
  checkHostLabels,
  resetCpuAffinity,
  setCpuAffinity,
  setLimits,
  writeOomScore,
} from "../process/host-side.ts";
import { openLabelFiles } from "../process/label-files.ts";
import { hasLabels, type LabelFiles } from "../process/labels.ts";
import { type ProcessPlan, planProcess } from "../process/plan.ts";
import { outliveTsrun, sessionOperations } from "../process/session.ts";
import type { Checked } from "../proxy/operation.ts";
import type { SyscallProxy } from "../proxy/proxy.ts";
import type { CompiledFilter } from "../seccomp/filter.ts";
import type { Seccomp, Spec } from "../spec/types.ts";
import { sendPidfd } from "../terminal/socket.ts";
import { attachTerminal, giveTerminal, openConsole } from "./console.ts";
import { subCgroup } from "./exec-cgroup.ts";
import { chooseProcess } from "./exec-process.ts";
import { executeError } from "./execute-error.ts";
import { placeSeccomp, type Recipient, seccompOf } from "./filter.ts";
import { prepareForeground, supervise } from "./foreground.ts";
import { checkInherited } from "./handed-down.ts";
import type { ExecOptions, GlobalOptions, Status } from "./options.ts";
import { ENTERING, EXECUTING, INSIDE } from "./phases.ts";
import { writePidFile } from "./pid-file.ts";
import type { StateRecord } from "./record.ts";
import { isRootless } from "./rootless.ts";
import { holdInit, isAlive, statusWith } from "./status.ts";
import { getStateDirectory } from "./store.ts";
import { Undo } from "./undo.ts";

interface ExecPlan {
  readonly record: StateRecord;
  /** The first process' directory of /proc: its pid alone may be another's by the time it is joined. */
  readonly init: Descriptor;
  readonly process: ProcessPlan;
  readonly consoleSize: NonNullable<Spec["process"]>["consoleSize"];
  readonly terminal: boolean;
  readonly seccomp: CompiledFilter | undefined;
  readonly profile: Seccomp | undefined;
  readonly rootless: boolean;
  /** The namespaces that create made. */
  readonly made: ReadonlySet<NamespaceKind>;
}

/**
 * Runs a process in a container. Returns its exit status, 128 + signal when a signal ended it, 0 when
 * detached.
 */
export function execContainer(globals: GlobalOptions, options: ExecOptions): number {
  checkInherited(options);
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
  globals.trace?.debug(ENTERING);
  const entered = joinOrSayStopped(plan, { globals, options, terminal });
  const { proxy } = entered;
  undo.add(() => {
    proxy.close();
    endChild(proxy.pid);
    entered.reapOthers();
  });
  globals.trace?.debug(INSIDE);
  const [socket] = entered.extra;
  const session = setUp(proxy, plan, { socket, trace: globals.trace });
  terminal?.close();
  using relay = attachTerminal(console.ours);
  if (options.pidfdSocket !== undefined) sendPidfd(options.pidfdSocket, "setns", proxy.pid);
  globals.trace?.debug(EXECUTING);
  becomeProgram(proxy, plan, { options, ...session });

  // AS RUNC: the pid file is how conmon learns that it worked, so it comes last, and only then.
  writePidFile(globals, options, proxy.pid);
  undo.commit();
  proxy.close();
  entered.reapOthers();
  return foreground === undefined ? 0 : supervise(proxy.pid, foreground, { relay });
}

/** Everything that can be refused is refused before there is a process. */
function planExec(globals: GlobalOptions, options: ExecOptions): ExecPlan {
  using directory = getStateDirectory(globals.root, options.id);
  const record = directory.load();
  const init = holdInit(record);
  checkStatus(statusWith(init, record, directory), options);
  if (init === undefined) {
    throw new TsrunError("E_STATE", "cannot exec in a container that has no process yet", {
      hint: `it is being made; "state ${record.id}" says when it is created`,
    });
  }
  const spec = directory.loadConfig();
  const process = chooseProcess(spec, options);
  const plan = planProcess({
    kind: "exec",
    id: record.id,
    process,
    container: spec.process,
    linux: spec.linux,
    newKeyring: record.newKeyring,
  });
  checkHostLabels(plan);
  return {
    record,
    init,
    process: plan,
    consoleSize: process.consoleSize,
    terminal: process.terminal === true,
    seccomp: seccompOf(spec, globals),
    profile: spec.linux?.seccomp,
    rootless: isRootless(globals),
    made: namespacesMade(spec),
  };
}

function checkStatus(status: Status, { ignorePaused }: ExecOptions): void {
  if (status === "stopped") throw stopped();
  if (status === "paused" && !ignorePaused) {
    throw new TsrunError("E_STATE", "cannot exec in a paused container (use --ignore-paused to override)");
  }
}

function stopped(cause?: unknown): TsrunError {
  return new TsrunError("E_STATE", "cannot exec in a stopped container", { cause });
}

interface JoinRequest {
  readonly globals: GlobalOptions;
  readonly options: ExecOptions;
  readonly terminal: Descriptor | undefined;
}

/** Whatever fails because the container has ended meanwhile is said in the words for that. */
function joinOrSayStopped(plan: ExecPlan, request: JoinRequest): Entered {
  try {
    return join(plan, request);
  } catch (error) {
    throw isAlive(plan.record) ? error : stopped(error);
  }
}

/**
 * World of the process that comes back: the container's cgroup and namespaces, its root, all privileges in
 * them.
 */
function join(plan: ExecPlan, { globals, options, terminal }: JoinRequest): Entered {
  const { record, init } = plan;
  const divided = options.cgroups.length === 0 ? init : undefined;
  const files = joinFiles(subCgroup(record.cgroup, options.cgroups), { init: divided });
  const path = "directory" in files ? files.directory : files.unified;
  using directory = path === undefined ? undefined : openCgroup(path);
  return enterNamespaces({
    joinsBelow: init,
    plan: {
      joins: namespacesOf(init, plan.made),
      created: new Set(),
      uidMappings: [],
      gidMappings: [],
      timeOffsets: [],
    },
    cgroup: "tasks" in files ? { ...files, directory } : { tasks: [], directory },
    inherited: options.preserveFds,
    extra: [terminal],
    rootless: plan.rootless,
    trace: globals.trace,
  });
}

function openCgroup(path: string): Descriptor {
  try {
    return openDirectory(path);
  } catch (error) {
    throw wrapError("cannot join a cgroup by adding pid 0 to it", error);
  }
}

/**
 * The namespaces of the first process that are not ours: joining one's own user namespace is an error. Those
 * that were made for the container need no comparison; a user namespace does, since a caller may be in it.
 */
function namespacesOf(init: Descriptor, made: ReadonlySet<NamespaceKind>): Join[] {
  const joins: Join[] = [];
  for (const kind of NAMESPACE_KINDS) {
    const path = `ns/${NAMESPACES[kind].proc}`;
    const isOther = made.has(kind) && kind !== "user";
    if (isOther || readLink(path, { at: init.number }) !== readLink(`/proc/self/${path}`)) {
      joins.push({ kind, path });
    }
  }
  return joins;
}

function namespacesMade({ linux }: Spec): ReadonlySet<NamespaceKind> {
  const made = (linux?.namespaces ?? []).filter(({ path = "" }) => path === "");
  return new Set(made.map(({ type }) => type));
}

interface SetUpOptions {
  /** The descriptor of the console's socket in the proxy, when the process has a terminal. */
  readonly socket: number | undefined;
  readonly trace: GlobalOptions["trace"];
}

interface SetUp {
  /** What the labels of the process will be written to. */
  readonly labels: LabelFiles | undefined;
  /** What begins the session, where it has not begun: it goes with the next batch. */
  readonly session: Checked | undefined;
}

/**
 * What the host gives from outside: unlike in create, the /proc that the process itself sees is the
 * container's.
 */
function setUp(proxy: SyscallProxy, plan: ExecPlan, { socket, trace }: SetUpOptions): SetUp {
  const { process, rootless, record } = plan;
  // AS RUNC: the group may have been removed by others, and the process is then in that of everybody.
  for (const file of record.rdt?.tasks ?? []) tryWriteFile(file, `${proxy.pid}`);
  const { initial } = process.affinity;
  if (initial === undefined) resetCpuAffinity(proxy.pid);
  else {
    setCpuAffinity(proxy.pid, initial);
    trace?.debug(`nsexec: affinity: ${maskText(initial)}`);
  }
  if (process.oomScoreAdj !== undefined) writeOomScore(proxy.pid, process.oomScoreAdj, { rootless });
  setLimits(proxy.pid, process.rlimits);
  const labels = hasLabels(process) ? openLabelFiles(proxy, process) : undefined;
  const session = sessionOperations({ ...process, oomScoreAdj: undefined }, { rootless, labels });
  if (socket === undefined) return { labels, session };
  // The terminal is to be the session's.
  proxy.run(session.operations);
  session.check();
  giveTerminal(proxy, { size: plan.consoleSize, socket });
  return { labels, session: undefined };
}

interface BecomeOptions {
  readonly options: ExecOptions;
  readonly labels: LabelFiles | undefined;
  readonly session: Checked | undefined;
}

/** The end: the user's credentials, and the program. */
function becomeProgram(proxy: SyscallProxy, plan: ExecPlan, become: BecomeOptions): void {
  const { process } = plan;
  const { options, labels, session } = become;
  const filtered = plan.seccomp !== undefined;
  const executable = becomeUser(proxy, process, { filter: filtered, labels, before: session });
  const filter = placeSeccomp(plan);
  if (process.affinity.final !== undefined) setCpuAffinity(proxy.pid, process.affinity.final);
  let first = [closeOnExecute(3 + options.preserveFds), outliveTsrun(), ...filter.beforeWaiting];
  if (plan.seccomp?.notify === true) {
    proxy.run(first);
    filter.handOver(recipientOf(plan, proxy));
    first = [];
  }
  const failed = proxy.execute([...first, ...filter.beforeExecute, execute(process, executable)]);
  const program = process.args[0] ?? "";
  if (failed !== undefined) throw executeError(program, { call: failed.call, errno: -(failed.result ?? 0) });
  if (endedBeforeExecuting(proxy.pid)) {
    throw new TsrunError("E_EXEC", `cannot execute "${program}": the process was killed before it`);
  }
}

/** Whom the container's seccomp profile notifies, and what it is told of this process. */
function recipientOf({ record, profile }: ExecPlan, proxy: SyscallProxy): Recipient {
  const { id, ociVersion, bundle, annotations, init_process_pid } = record;
  const container = { id, status: "running", pid: init_process_pid, bundle, annotations } as const;
  return { proxy, message: { profile, process: { ociVersion, pid: proxy.pid, container } } };
}
