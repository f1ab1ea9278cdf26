// The container's first process, from its namespaces to its wait for `start`: the stages of `setUp` in
// create.ts. Each says in which world it acts.

import type { InsideOutput } from "../hooks/inside.ts";
import { utf8 } from "../linux/call/words.ts";
import { F_SETFD, FD_CLOEXEC } from "../linux/numbers/fcntl.ts";
import { sysctlOperations } from "../namespaces/sysctl.ts";
import { setLoopbackUp } from "../network/loopback.ts";
import type { Executable } from "../process/become-user.ts";
import { closeAllBut, closeOnExecute, execute, handleTermination } from "../process/execute.ts";
import { resetCpuAffinity, writeOomScore } from "../process/host-side.ts";
import { openLabelFiles } from "../process/label-files.ts";
import { hasLabels, type LabelFiles } from "../process/labels.ts";
import { outliveTsrun, sessionOperations, showToOwner } from "../process/session.ts";
import { data, quote, shown } from "../proxy/calls/arguments.ts";
import { read } from "../proxy/calls/calls.ts";
import { type Checked, type Operation, operation, operationError, orGoOn } from "../proxy/calls/operation.ts";
import type { SyscallProxy } from "../proxy/proxy.ts";
import type { Step } from "../proxy/steps.ts";
import { BUFFER, HEADER_SIZE, OPERATION_SIZE } from "../proxy/wire/protocol.ts";
import { directoryStep } from "../rootfs/place/directory.ts";
import type { RootfsHandles } from "../rootfs/rootfs.ts";
import { type LastFilter, placeSeccomp, type Recipient } from "./filter.ts";
import { inheritedFds } from "./handed-down.ts";
import type { ContainerPlan, UnfilteredPlan } from "./plan.ts";

/** AS RUNC: of a first process that dies before it is the user's program. */
const EXIT_STATUS = 255;

/**
 * What the first process does before its mounts, where that is known before there is such a process: to
 * write labels, `prepareInit` opens files first, and then does all of it.
 */
export function operationsAhead(plan: ContainerPlan): Checked | undefined {
  return hasLabels(plan.process) ? undefined : initOperations(plan);
}

/**
 * World: the container's namespaces, but still the host's mounts, whose /proc is the one to trust; all
 * privileges. Returns what the labels of the process will be written to.
 */
export function prepareInit(proxy: SyscallProxy, plan: ContainerPlan): LabelFiles | undefined {
  const { rootless } = plan;
  resetCpuAffinity(proxy.pid);
  const score = oomScoreFromOutside(plan);
  if (score !== undefined) writeOomScore(proxy.pid, score, { rootless });
  if (!hasLabels(plan.process)) return undefined;
  const labels = openLabelFiles(proxy, plan.process);
  const { operations, check } = initOperations(plan, labels);
  proxy.run(operations);
  check();
  return labels;
}

/**
 * Root of a user namespace may not write its own score: its /proc files belong to the host's root. An
 * ordinary user may write nobody else's.
 */
export function oomScoreFromOutside({ process, rootless }: UnfilteredPlan): number | undefined {
  return rootless ? undefined : process.oomScoreAdj;
}

/** What the first process itself does of it. */
export function initOperations(plan: UnfilteredPlan, labels?: LabelFiles): Checked {
  const { bundle, process, rootless, namespaces } = plan;
  const fromOutside = oomScoreFromOutside(plan) !== undefined;
  const session = sessionOperations(fromOutside ? { ...process, oomScoreAdj: undefined } : process, {
    rootless,
    labels,
  });
  return {
    ...session,
    operations: [
      ...session.operations,
      ...(namespaces.created.has("network") ? setLoopbackUp() : []),
      ...sysctlOperations(bundle.spec.linux?.sysctl ?? {}),
    ],
  };
}

/** World: the container's root, still writable; all privileges. */
export function furnishStep({ bundle, process }: ContainerPlan, { context }: RootfsHandles): Step {
  const { hostname, domainname, linux } = bundle.spec;
  // AS RUNC: the sysctl wins, which has been written by now.
  const hasDomainSysctl = linux?.sysctl?.["kernel.domainname"] !== undefined;
  // AS RUNC: made for the first process only, before the root becomes read-only.
  const workingDirectory = directoryStep(context, process.cwd);
  return {
    pauses: workingDirectory.operations.length > 0,
    operations: () => [
      ...nameOperation("sethostname", hostname),
      ...(hasDomainSysctl ? [] : nameOperation("setdomainname", domainname)),
      ...workingDirectory.operations,
    ],
    finish: () => workingDirectory.finish(),
    recover: (failed) => {
      throw operationError(failed);
    },
  };
}

export interface WaitOptions {
  readonly executable: Executable;
  /** The FIFO's descriptor in the proxy. */
  readonly fifo: number;
  /** Whose first part has been carried out. */
  readonly filter: LastFilter;
  /** Of the notifications of the seccomp filter. */
  readonly recipient: Recipient | undefined;
}

/**
 * World: the user's credentials. The process waits for `start` with nothing but read(2), which no profile can
 * do without; if it then cannot execute, it writes its last batch, results and all, back with write(2).
 */
export function leaveWaiting(proxy: SyscallProxy, plan: ContainerPlan, wait: WaitOptions): void {
  const { filter } = wait;
  filter.handOver(wait.recipient);
  const last = [
    read(wait.fifo, 1, "wait for start"),
    ...filter.beforeExecute,
    orGoOn(execute(plan.process, wait.executable)),
  ];
  const answer = [shown(BUFFER, "…"), HEADER_SIZE + last.length * OPERATION_SIZE];
  proxy.leave([
    ...last,
    operation("write", [wait.fifo, ...answer], "report to start"),
    operation("exit_group", [EXIT_STATUS], "leave"),
  ]);
}

/** What the process holds on to besides its control socket, until it executes. */
export interface Kept {
  readonly fifo: number;
  /** Where `start` connects, when hooks run inside. */
  readonly listener: number | undefined;
  /** Where those hooks print to. */
  readonly output: InsideOutput | undefined;
}

export interface Settlement {
  readonly operations: readonly Operation[];
  /** Whose first part is among them. */
  readonly filter: LastFilter;
}

/** The last that is answered: what belongs to the host is let go of, and the filter is installed. */
export function settlement(
  { control }: SyscallProxy,
  plan: ContainerPlan,
  { fifo, listener, output }: Kept,
): Settlement {
  const { options, namespaces, rootless } = plan;
  const filter = placeSeccomp(plan, { late: listener !== undefined });
  const forHooks = listener === undefined ? [] : [listener, output?.stdout, output?.stderr];
  const kept = [fifo, ...forHooks.filter((one) => one !== undefined)];
  const first = 3 + inheritedFds(options);
  const closes = [shown(F_SETFD, "F_SETFD"), shown(FD_CLOEXEC, "FD_CLOEXEC")];
  const operations = [
    ...kept.map((one) => operation("fcntl", [one, ...closes], "close a descriptor on execve")),
    ...closeAllBut(first, [control, ...kept]),
    closeOnExecute(first),
    ...(namespaces.created.has("pid") ? handleTermination() : []),
    // Answered before tsrun leaves: its death would still take the process with it.
    outliveTsrun(),
    // `exec` may come before `start`.
    ...(rootless ? [showToOwner()] : []),
    ...filter.beforeWaiting,
  ];
  return { operations, filter };
}

function nameOperation(call: "sethostname" | "setdomainname", name: string | undefined): Operation[] {
  if (name === undefined || name === "") return [];
  const bytes = utf8(name);
  const attempt = `set the ${call.slice(3)} ${quote(name)}`;
  return [operation(call, [data(bytes, () => quote(name)), bytes.length], attempt)];
}
