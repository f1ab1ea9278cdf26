// How `exec` enters a container. With CAP_SYS_PTRACE, a program inside can trace any process that it sees,
// and use capabilities of that process which the container does not have. So one process joins all namespaces
// but stays in the host's pid namespace, where the container cannot see it. It does everything that takes
// privileges, and gives them up. Its child is the first process that the container can see, and has no more
// than the program will have. Called by exec.ts, and by create.ts for a container that joins the pid
// namespace of another one.

import { O_CLOEXEC } from "../linux/numbers/fcntl.ts";
import { CLONE_PARENT } from "../linux/numbers/sched.ts";
import { dieWithTsrun, outliveTsrun } from "../process/session.ts";
import { clone, close, dup3, unshare } from "../proxy/calls/calls.ts";
import { inChild, inParent, type Operation } from "../proxy/calls/operation.ts";
import type { Conversation } from "../proxy/conversation.ts";
import {
  type Entered,
  type Entering,
  type EnterOptions,
  endProcesses,
  enterNamespaces,
  makeTimeNamespace,
  standInCgroup,
} from "./enter.ts";
import { joinAll } from "./join.ts";
import { NAMESPACES } from "./plan.ts";

export interface StandOptions extends EnterOptions {
  /** Called with the process; if that is hidden, before it joins, while it still sees the host's /proc. */
  readonly beforeJoining: (proxy: Conversation) => void;
}

/** A process in a container's namespaces, or one that enters them as soon as it is asked something. */
export interface Standing {
  readonly proxy: Conversation;
  /**
   * Whether the container does not see it. Without a pid namespace to join, the container sees all processes
   * of the host anyway.
   */
  readonly hidden: boolean;
  /** The numbers that the descriptors of `extra` have in it. */
  readonly extra: readonly (number | undefined)[];
  /**
   * Returns the process that is to execute, once it has carried these out: a child of the hidden process,
   * which then exits, or `proxy` itself.
   */
  goInside(operations: readonly Operation[]): Conversation;
  /** Like `reapOthers` of `Entered`. */
  reapOthers(): void;
  /** Ends all processes that exist by now. */
  end(): void;
}

/** Starts a process in the container's cgroup, which has entered its namespaces or is about to. */
export function standInNamespaces(options: StandOptions): Standing {
  const hidden = options.plan.joins.some(({ kind }) => kind === "pid");
  return hidden ? standHidden(options) : standInSight(options);
}

function standInSight(options: StandOptions): Standing {
  const { init, extra, closeOthers, reapOthers, end } = enterNamespaces(options);
  try {
    options.beforeJoining(init);
  } catch (error) {
    end();
    throw error;
  }
  const goInside = (operations: readonly Operation[]): Conversation => {
    init.ask([outliveTsrun(), ...operations]);
    closeOthers();
    return init;
  };
  return { proxy: init, hidden: false, extra, goInside, reapOthers, end };
}

/**
 * Like `enterNamespaces`, for a plan with a pid namespace to join. The process that it returns has all of
 * tsrun's privileges and the host's root, and nobody in that pid namespace sees it, or any other before
 * `goInside`.
 */
export function standUnseen(options: EnterOptions): Entered {
  const standing = standHidden({ ...options, beforeJoining: () => {} }, makeNamespaces);
  const { proxy: init, extra, socket, goInside, closeOthers, reapOthers, end } = standing;
  return { init, extra, closeOthers, reapOthers, end, goingInside: { goInside, socket } };
}

/** Only children of the process enter a new time namespace. */
function makeNamespaces(entering: Entering): void {
  const { first, plan } = entering;
  first.say(dieWithTsrun());
  let kinds = 0;
  for (const kind of plan.created) if (kind !== "time") kinds += NAMESPACES[kind].flag;
  if (kinds !== 0) first.say(unshare(kinds, "make the container's namespaces"));
  if (plan.created.has("time")) makeTimeNamespace(entering);
}

interface Hidden extends Standing {
  /** The child's end of its control socket. */
  readonly socket: number;
  /** Like that of `Entered`. */
  closeOthers(): void;
}

function standHidden(options: StandOptions, makeOwn?: (entering: Entering) => void): Hidden {
  const { entering, others } = standInCgroup(options);
  const { first, slots, childSocket } = entering;
  let inside: Conversation | undefined;
  const end = (): void => endProcesses(entering, others, inside);
  try {
    options.beforeJoining(first);
    joinAll(entering);
    makeOwn?.(entering);
    return {
      proxy: first,
      hidden: true,
      socket: slots.child,
      closeOthers: () => {
        for (const other of others) if (other !== first) other.close();
      },
      extra: options.extra.map((one, index) => one && slots.extra + index),
      goInside: (last) => {
        inside = first.clone({ operations: cloneInside(entering, last), socket: childSocket });
        // Waits for the child, so that a failure is known now.
        inside.pid;
        for (const other of others) other.close();
        return inside;
      },
      reapOthers: () => {
        for (const other of others) other.reap();
      },
      end,
    };
  } catch (error) {
    end();
    throw error;
  }
}

/**
 * Uses clone(2), not clone3(2): the process is in its cgroup already, and a seccomp profile that is installed
 * by now rarely allows the newer call. If tsrun dies, the child reads end of file from its socket.
 */
function cloneInside({ first, slots }: Entering, operations: readonly Operation[]): Operation[] {
  const child = [dup3(slots.child, first.control, O_CLOEXEC), close(slots.child), ...operations];
  return [
    clone(CLONE_PARENT, "clone the process that executes"),
    ...child.map(inChild),
    inParent(close(slots.child)),
  ];
}
