// The container's first process, from its namespaces to its wait for `start`: the stages of `setUp` in
// set-up.ts. Each says in which world it acts.

import type { InsideOutput } from "../hooks/inside.ts";
import { utf8 } from "../linux/call/words.ts";
import { F_SETFD, FD_CLOEXEC } from "../linux/numbers/fcntl.ts";
import { sysctlOperations } from "../namespaces/sysctl.ts";
import { setLoopbackUp } from "../network/loopback.ts";
import type { Executable } from "../process/become-user.ts";
import { closeAllBut, closeOnExecute, execute, handleTermination } from "../process/execute.ts";
import type { LabelFiles } from "../process/labels.ts";
import { outliveTsrun, separate, showToOwner } from "../process/session.ts";
import { data, quote, shown } from "../proxy/calls/arguments.ts";
import { read } from "../proxy/calls/calls.ts";
import { type Operation, operation, orGoOn } from "../proxy/calls/operation.ts";
import type { Conversation } from "../proxy/conversation.ts";
import { report } from "../proxy/report.ts";
import { directoryStep } from "../rootfs/place/directory.ts";
import type { Rootfs } from "../rootfs/rootfs.ts";
import { type LastFilter, placeSeccomp, type Recipient } from "./filter.ts";
import { inheritedFds } from "./handed-down.ts";
import type { ContainerPlan, UnfilteredPlan } from "./plan.ts";

/** AS RUNC: the exit status of a first process that ends before it has executed its program. */
const EXIT_STATUS = 255;

/**
 * The OOM score, if tsrun writes it from outside: root of a user namespace may not write its own, since its
 * /proc files belong to the host's root. An ordinary user may not write that of another process.
 */
export function oomScoreFromOutside({ process, rootless }: UnfilteredPlan): number | undefined {
  return rootless ? undefined : process.oomScoreAdj;
}

/**
 * World: the container's namespaces, but still the host's mounts, whose /proc is the one to trust; all
 * privileges.
 */
export function setApart(init: Conversation, plan: UnfilteredPlan, labels: LabelFiles | undefined): void {
  const { bundle, process, rootless, namespaces } = plan;
  const fromOutside = oomScoreFromOutside(plan) !== undefined;
  init.say(separate(fromOutside ? { ...process, oomScoreAdj: undefined } : process, { rootless, labels }));
  if (namespaces.created.has("network")) init.say(setLoopbackUp());
  init.say(sysctlOperations(bundle.spec.linux?.sysctl ?? {}));
}

/** World: the container's root, still writable; all privileges. */
export function furnish(init: Conversation, { bundle, process }: ContainerPlan, { context }: Rootfs): void {
  const { hostname, domainname, linux } = bundle.spec;
  init.say(nameOperation("sethostname", hostname));
  // AS RUNC: the sysctl wins; it has been written by now.
  const hasDomainSysctl = linux?.sysctl?.["kernel.domainname"] !== undefined;
  if (!hasDomainSysctl) init.say(nameOperation("setdomainname", domainname));
  // AS RUNC: made for the first process only, before the root becomes read-only.
  init.say(directoryStep(context, process.cwd));
}

export interface WaitOptions {
  readonly executable: Executable;
  /** The FIFO's descriptor in the proxy. */
  readonly fifo: number;
  /** What is still to do for the filter; `letGoOfHost` has installed it if it comes before the wait. */
  readonly filter: LastFilter;
  /** Who gets the notifications of the seccomp filter. */
  readonly recipient: Recipient | undefined;
}

/**
 * World: the user's credentials. The process waits for `start` with read(2) alone, which every profile has to
 * allow. If it then cannot execute its program, it reports the call that failed, with write(2).
 */
export function leaveWaiting(init: Conversation, plan: ContainerPlan, wait: WaitOptions): void {
  const { filter } = wait;
  filter.handOver(wait.recipient);
  const last = [
    read(wait.fifo, 1, "wait for start"),
    ...filter.beforeExecute,
    orGoOn(execute(plan.process, wait.executable)),
  ];
  init.leave([
    ...last,
    report(last, wait.fifo, "report to start"),
    operation("exit_group", [EXIT_STATUS], "leave"),
  ]);
}

/** What the process keeps open until it executes, besides its control socket. */
export interface Kept {
  readonly fifo: number;
  /** Where `start` connects, when hooks run inside. */
  readonly listener: number | undefined;
  /** Where these hooks print to. */
  readonly output: InsideOutput | undefined;
  /** Set if another process will take the place of this one: what has to be kept for it. */
  readonly follower: { readonly socket: number; readonly filterLater: boolean } | undefined;
}

/**
 * World: the user's credentials. Closes what belongs to the host, and installs the filter if that comes
 * before the wait.
 */
export function letGoOfHost(
  init: Conversation,
  plan: ContainerPlan,
  { fifo, listener, output, follower }: Kept,
): LastFilter {
  const { options, namespaces, rootless } = plan;
  const filter = placeSeccomp(plan, { late: listener !== undefined });
  const forHooks = listener === undefined ? [] : [listener, output?.stdout, output?.stderr];
  const kept = [fifo, ...forHooks.filter((one) => one !== undefined)];
  const first = 3 + inheritedFds(options);
  const closes = [shown(F_SETFD, "F_SETFD"), shown(FD_CLOEXEC, "FD_CLOEXEC")];
  init.say(kept.map((one) => operation("fcntl", [one, ...closes], "close a descriptor on execve")));
  const used = follower === undefined ? [init.control] : [init.control, follower.socket];
  init.say([...closeAllBut(first, [...used, ...kept]), closeOnExecute(first)]);
  if (namespaces.created.has("pid")) init.say(handleTermination());
  // To be answered before tsrun exits, or tsrun's end would still kill the process.
  init.say(outliveTsrun());
  // `exec` may come before `start`, and an ordinary user can then join only a dumpable process.
  if (rootless) init.say(showToOwner());
  if (follower?.filterLater !== true) init.say(filter.beforeWaiting);
  return filter;
}

function nameOperation(call: "sethostname" | "setdomainname", name: string | undefined): Operation[] {
  if (name === undefined || name === "") return [];
  // The kernel does not look for the NUL, but a trace does.
  const bytes = utf8(`${name}\0`);
  const attempt = `set the ${call.slice(3)} ${quote(name)}`;
  return [operation(call, [data(bytes, () => quote(name)), bytes.length - 1], attempt)];
}
