// How `exec` comes into a container. What runs there may trace whoever it sees, and use what that one may do:
// capabilities that the container does not have, if it has CAP_SYS_PTRACE. So one process, which joins all
// namespaces but whose own pid namespace stays the host's, does everything that takes privileges, out of
// sight, and gives them up. Its child is the first that can be seen inside: it has what the program will
// have. Called by exec.ts.

import { O_CLOEXEC } from "../linux/numbers/fcntl.ts";
import { CLONE_PARENT } from "../linux/numbers/sched.ts";
import { outliveTsrun } from "../process/session.ts";
import { clone, close, dup3 } from "../proxy/calls/calls.ts";
import { inChild, inParent, type Operation } from "../proxy/calls/operation.ts";
import type { Conversation } from "../proxy/conversation.ts";
import { type EnterOptions, endStage, enterNamespaces, joinAll, type Stage, standInCgroup } from "./enter.ts";

export interface StandOptions extends EnterOptions {
  /**
   * Called with the process that will stand there: where it is hidden, while it still sees the host's /proc.
   */
  readonly beforeJoining: (proxy: Conversation) => void;
}

/** A process that stands in a container's namespaces, or will as soon as it is asked something. */
export interface Standing {
  readonly proxy: Conversation;
  /**
   * Whether nobody in a joined pid namespace sees it; without one the host's processes are in sight anyway.
   */
  readonly hidden: boolean;
  /** The numbers that `extra` have in it. */
  readonly extra: readonly (number | undefined)[];
  /** The process that is to execute, once it has done these: a child of the hidden one, which then leaves. */
  goInside(operations: readonly Operation[]): Conversation;
  /** As that of `Entered`. */
  reapOthers(): void;
  /** Ends whatever there is by now. */
  end(): void;
}

/** Starts a process in the container's cgroup that stands, or is about to stand, in its namespaces. */
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

function standHidden(options: StandOptions): Standing {
  const { stage, others } = standInCgroup(options);
  const { first, slots, childSocket } = stage;
  let inside: Conversation | undefined;
  const end = (): void => endStage(stage, others, inside);
  try {
    options.beforeJoining(first);
    joinAll(stage);
    return {
      proxy: first,
      hidden: true,
      extra: options.extra.map((one, index) => one && slots.extra + index),
      goInside: (last) => {
        inside = first.clone({ operations: cloneInside(stage, last), socket: childSocket });
        // What goes wrong is to be known now.
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
 * clone(2), not clone3(2): the process is in its cgroup already, and a seccomp profile that is in by now
 * rarely knows the newer one. When tsrun dies, the end of its socket says so to the child.
 */
function cloneInside({ first, slots }: Stage, operations: readonly Operation[]): Operation[] {
  const child = [dup3(slots.child, first.control, O_CLOEXEC), close(slots.child), ...operations];
  return [
    clone(CLONE_PARENT, "clone the process that executes"),
    ...child.map(inChild),
    inParent(close(slots.child)),
  ];
}
