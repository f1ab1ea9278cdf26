// Starts the container's first process in its namespaces, by way of two proxies. The first one joins the
// existing namespaces and makes the user and time namespaces, which only its children enter fully. The second
// one is cloned into all other new namespaces, and stays. If it could not be born into its cgroup from there,
// a third one stands between them (cloneIntoCgroup). Called by the stories.

import { type Descriptor, writeFile } from "../linux/files/files.ts";
import { socketPair } from "../linux/files/sockets.ts";
import { ENOSYS } from "../linux/numbers/errno.ts";
import { AT_FDCWD, O_CLOEXEC, O_WRONLY } from "../linux/numbers/fcntl.ts";
import {
  CLONE_INTO_CGROUP,
  CLONE_NEWCGROUP,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_PARENT,
  PR_SET_DUMPABLE,
  PR_SET_NAME,
} from "../linux/numbers/sched.ts";
import { SOCK_SEQPACKET } from "../linux/numbers/socket-numbers.ts";
import { dieWithTsrun } from "../process/session.ts";
import { shown } from "../proxy/calls/arguments.ts";
import { clone, clone3, close, dup3, openat, prctl, unshare, write } from "../proxy/calls/calls.ts";
import { inChild, inParent, type Operation, operation, orGoOn } from "../proxy/calls/operation.ts";
import type { Conversation } from "../proxy/conversation.ts";
import { PROXY_NAME } from "../proxy/name.ts";
import { type Hindrance, startProxy, type Trace } from "../proxy/proxy.ts";
import { writeIdMaps } from "./id-maps.ts";
import { becomeRoot, joinAll } from "./join.ts";
import { NAMESPACES, type NamespacePlan } from "./plan.ts";

/**
 * How the first process gets into its cgroup: by writing to files of v1, and by being born into one of v2.
 */
export interface CgroupEntry {
  readonly tasks: readonly string[];
  readonly directory: Descriptor | undefined;
  /** Has systemd move the process with this pid. */
  readonly admit?: ((pid: number) => void) | undefined;
}

export interface EnterOptions {
  readonly plan: NamespacePlan;
  /** The directory that paths of joined namespaces are relative to; if absent, they are absolute. */
  readonly joinsBelow?: Descriptor | undefined;
  readonly cgroup: CgroupEntry;
  /** Called with the pid of the first proxy, before it is in the cgroup. */
  readonly beforeCgroup?: ((pid: number) => void) | undefined;
  /**
   * How many descriptors the container inherits. They keep their numbers, from 3 on; the proxy's own come
   * after them.
   */
  readonly inherited: number;
  /** Its standard input, output and error, if they are not tsrun's own. */
  readonly stdio?: readonly Descriptor[] | undefined;
  /** Further descriptors for the proxy, above its control socket. */
  readonly extra: readonly (Descriptor | undefined)[];
  readonly rootless: boolean;
  readonly trace: Trace | undefined;
  readonly hindrance?: Hindrance | undefined;
  /** Does what tsrun itself has to do; that of a rehearsal only notes it. */
  readonly hostCalls?: HostCalls;
}

/** What tsrun itself does for a process that enters namespaces. */
export interface HostCalls {
  readonly start: typeof startProxy;
  readonly writeIdMaps: typeof writeIdMaps;
  readonly writeFile: typeof writeFile;
}

const HOST: HostCalls = { start: startProxy, writeIdMaps, writeFile };

export interface Entered {
  /** The container's first process. The kernel may still be making it; asking for its pid waits for that. */
  readonly init: Conversation;
  /** The numbers that the descriptors of `extra` have in it; `undefined` for one that is absent. */
  readonly extra: readonly (number | undefined)[];
  /** Closes the sockets of the other proxies, which then exit. To be called once the first process exists. */
  closeOthers(): void;
  /**
   * Waits for the other proxies. To be called before tsrun exits, so that the process that adopts our
   * children gets no zombies; but not at once, since the kernel takes some time to end them.
   */
  reapOthers(): void;
  /** Ends all processes that exist by now. */
  end(): void;
  readonly goingInside?: GoingInside;
}

/** For an `init` that only prepares everything, in the host's pid namespace: see `standUnseen`. */
export interface GoingInside {
  /** Returns the container's first process: it takes `socket` and has carried these out. `init` ends. */
  goInside(operations: readonly Operation[]): Conversation;
  readonly socket: number;
}

/**
 * Starts the container's first process in its cgroup and namespaces. It is a child of tsrun, and waits for
 * orders.
 */
export function enterNamespaces(options: EnterOptions): Entered {
  const { plan, extra } = options;
  const { entering, others } = standInCgroup(options);
  try {
    joinAll(entering);
    if (plan.created.has("user")) enterNewUserNamespace(entering);
    if (plan.created.has("time")) makeTimeNamespace(entering);
    const init = cloneFirstProcess(entering);
    return {
      init,
      extra: extra.map((one, index) => one && entering.slots.extra + index),
      closeOthers: () => {
        for (const other of others) other.close();
      },
      reapOthers: () => {
        for (const other of others) other.reap();
      },
      end: () => endProcesses(entering, others, init),
    };
  } catch (error) {
    endProcesses(entering, others);
    throw error;
  }
}

/** A process in the container's cgroup, which is to join namespaces. */
export interface InCgroup {
  readonly entering: Entering;
  /** That process and, if another proxy made it, that one. */
  readonly others: readonly Conversation[];
}

export function standInCgroup(options: EnterOptions): InCgroup {
  const entering = startFirst(options);
  const { first, middleSocket } = entering;
  try {
    options.beforeCgroup?.(first.pid);
    options.cgroup.admit?.(first.pid);
    prepare(entering);
    if (middleSocket === undefined) return { entering, others: [first] };
    const middle = cloneIntoCgroup(entering, middleSocket);
    return { entering: middle, others: [first, middle.first] };
  } catch (error) {
    endProcesses(entering, [first]);
    throw error;
  }
}

/**
 * Ends these processes and the one that they may have cloned, so that the cgroup can be removed. A child that
 * nobody has waited for reads end of file from its socket, and exits.
 */
export function endProcesses(
  { childSocket, middleSocket }: Entering,
  others: readonly Conversation[],
  cloned?: Conversation,
): void {
  try {
    cloned?.end();
  } finally {
    childSocket.close();
    middleSocket?.close();
    for (const other of others) other.close();
    for (const other of others) other.reap();
  }
}

/**
 * Whether a process in these namespaces can no longer have a child born into a cgroup of the host. In another
 * user namespace it lacks the permission; in the container's cgroup namespace its own cgroup is outside
 * (nsdelegate). In a joined pid namespace it must not: the child would be born with the cgroup's directory
 * open, visible to what runs there (CVE-2016-9962).
 */
function leavesCgroupBehind({ created, joins }: NamespacePlan): boolean {
  const barred = ["user", "cgroup", "pid"];
  return created.has("user") || joins.some(({ kind }) => barred.includes(kind));
}

export interface Entering extends EnterOptions {
  readonly hostCalls: HostCalls;
  readonly first: Conversation;
  /** Our ends of the control sockets of the next processes; the one in the middle is seldom needed. */
  readonly childSocket: Descriptor;
  readonly middleSocket: Descriptor | undefined;
  /** The numbers that descriptors have in the proxy. */
  readonly slots: Slots;
}

interface Slots {
  readonly child: number;
  readonly middle: number;
  readonly cgroup: number;
  readonly joins: number;
  readonly extra: number;
}

function startFirst(options: EnterOptions): Entering {
  const { cgroup, joinsBelow, extra, inherited, stdio = [], hostCalls = HOST } = options;
  const control = 3 + inherited;
  const [child, middle, directory, joins] = [control + 1, control + 2, control + 3, control + 4];
  const slots = { child, middle, cgroup: directory, joins, extra: control + 5 };
  const inBetween = cgroup.directory !== undefined && leavesCgroupBehind(options.plan);
  const kept = Array.from({ length: inherited }, (_, index) => ({ from: 3 + index, to: 3 + index }));
  const [childSocket, childEnd] = socketPair(SOCK_SEQPACKET);
  let [middleSocket, middleEnd]: Descriptor[] = [];
  try {
    if (inBetween) [middleSocket, middleEnd] = socketPair(SOCK_SEQPACKET);
    const first = hostCalls.start({
      control,
      descriptors: [
        ...stdio.map(({ number }, to) => ({ from: number, to })),
        ...kept,
        { from: childEnd.number, to: slots.child },
        ...(middleEnd === undefined ? [] : [{ from: middleEnd.number, to: slots.middle }]),
        ...(cgroup.directory === undefined ? [] : [{ from: cgroup.directory.number, to: slots.cgroup }]),
        ...(joinsBelow === undefined ? [] : [{ from: joinsBelow.number, to: slots.joins }]),
        ...extra.flatMap((one, index) =>
          one === undefined ? [] : [{ from: one.number, to: slots.extra + index }],
        ),
      ],
      trace: options.trace,
      hindrance: options.hindrance,
    });
    return { ...options, hostCalls, first, slots, childSocket, middleSocket };
  } catch (error) {
    childSocket.close();
    middleSocket?.close();
    throw error;
  } finally {
    childEnd.close();
    middleEnd?.close();
  }
}

/**
 * Comes before anything of the container is touched: hides the process, names it, and puts it into its
 * cgroup.
 */
function prepare({ first, cgroup, rootless, plan }: Entering): void {
  // An ordinary user can write the id maps only of a dumpable process. It stops being dumpable when its ids
  // change.
  const mustStayDumpable = rootless && plan.created.has("user");
  if (!mustStayDumpable) first.say(hide());
  first.say(operation("prctl", [shown(PR_SET_NAME, "PR_SET_NAME"), PROXY_NAME], "name a process"));
  for (const tasks of cgroup.tasks) first.say(joinCgroup(tasks));
}

/** Makes a process not dumpable: nobody without CAP_SYS_PTRACE may then trace it or open its descriptors. */
export function hide(): Operation {
  return prctl(PR_SET_DUMPABLE, [0], "PR_SET_DUMPABLE", "hide the container's first process");
}

/** Writing 0 to `tasks` moves only the writer, at once; another process's pid costs an RCU grace period. */
function joinCgroup(tasks: string, { directory = AT_FDCWD, as = (of: Operation) => of } = {}): Operation[] {
  const attempt = `join a cgroup by adding pid 0 to "${tasks}"`;
  const file = as(openat(directory, tasks, O_WRONLY, attempt));
  return [file, as(write(file, "0", attempt)), as(close(file))];
}

/** The user namespace comes first: it owns the others. */
function enterNewUserNamespace({ first, plan, hostCalls }: Entering): void {
  first.ask(unshare(CLONE_NEWUSER, "create a user namespace"));
  hostCalls.writeIdMaps(first.pid, plan);
  first.say([...becomeRoot(plan), hide()]);
}

/**
 * On cgroup v2 a process must enter its cgroup before namespaces in which that is no longer possible, so one
 * more process is cloned: into the cgroup.
 */
function cloneIntoCgroup(entering: Entering, middleSocket: Descriptor): Entering {
  const { first, slots } = entering;
  const proxy = forkInto(first, {
    kinds: CLONE_PARENT + CLONE_INTO_CGROUP,
    attempt: "clone a process into the container's cgroup",
    cgroup: slots.cgroup,
    move: [dup3(slots.middle, first.control, O_CLOEXEC), close(slots.middle)],
    // The container may see the next process, which inherits what is open here.
    child: [orGoOn(close(slots.cgroup))],
    // The first process's end of its socket must not stay open here either, or tsrun would not read end of
    // file when the first process dies: tsrun would wait for ever for an answer, and the container's pid
    // namespace for the zombie.
    parent: [close(slots.middle), close(slots.child)],
    socket: middleSocket,
  });
  return { ...entering, first: proxy, cgroup: { tasks: [], directory: undefined } };
}

/**
 * A process that makes a time namespace does not enter it; its children do. The clocks must be set before the
 * first child.
 */
export function makeTimeNamespace({ first, plan, hostCalls }: Entering): void {
  first.say(unshare(CLONE_NEWTIME, "create a time namespace"));
  if (plan.timeOffsets.length === 0) return;
  first.ask(prctl(PR_SET_DUMPABLE, [1], "PR_SET_DUMPABLE", "open a process to its owner"));
  hostCalls.writeFile(
    `/proc/${first.pid}/timens_offsets`,
    plan.timeOffsets.map((line) => `${line}\n`).join(""),
  );
  first.say(hide());
}

/** The clone that makes the container's first process, and the child's move to its own control socket. */
function cloneFirstProcess(entering: Entering): Conversation {
  const { first, plan, cgroup, slots } = entering;
  let kinds = CLONE_PARENT;
  for (const kind of plan.created) {
    if (kind !== "user" && kind !== "time" && kind !== "cgroup") kinds += NAMESPACES[kind].flag;
  }
  const intoCgroup = cgroup.directory !== undefined;
  return forkInto(first, {
    kinds: intoCgroup ? kinds + CLONE_INTO_CGROUP : kinds,
    attempt: "clone the container's first process",
    cgroup: intoCgroup ? slots.cgroup : undefined,
    move: [dieWithTsrun(), dup3(slots.child, first.control, O_CLOEXEC)],
    child: [
      ...[slots.child, slots.middle, slots.cgroup].map((slot) => orGoOn(close(slot))),
      // Only now: the root of a cgroup namespace is the cgroup in which its maker is.
      ...(plan.created.has("cgroup") ? [unshare(CLONE_NEWCGROUP, "create a cgroup namespace")] : []),
    ],
    parent: [close(slots.child)],
    socket: entering.childSocket,
  });
}

interface Fork {
  readonly kinds: number;
  readonly attempt: string;
  /** The descriptor of the cgroup that the child is born in. */
  readonly cgroup: number | undefined;
  /** What the child does first, to get its own control socket, and what it does after that. */
  readonly move: readonly Operation[];
  readonly child: readonly Operation[];
  readonly parent: readonly Operation[];
  /** Our end of the child's control socket. */
  readonly socket: Descriptor;
}

/**
 * Uses clone3(2); or clone(2) if a seccomp filter around tsrun does not know clone3(2), like the filters of
 * container engines for programs that may not make namespaces. With clone(2) the child joins its cgroup by
 * itself.
 */
function forkInto(first: Conversation, fork: Fork): Conversation {
  const { kinds, attempt, cgroup, socket } = fork;
  const after = (joins: readonly Operation[]) => [
    ...fork.move.map(inChild),
    ...joins,
    ...fork.child.map(inChild),
    ...fork.parent.map(inParent),
  ];
  const modern = clone3(kinds, attempt, cgroup);
  return first.clone({
    operations: [modern, ...after([])],
    socket,
    otherwise: () => {
      if (modern.result !== -ENOSYS) return undefined;
      const joins =
        cgroup === undefined ? [] : joinCgroup("cgroup.procs", { directory: cgroup, as: inChild });
      return [clone(kinds, attempt), ...after(joins)];
    },
  });
}
