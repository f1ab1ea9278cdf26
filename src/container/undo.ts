// Remembers what has been made so far, so that a failure can undo it in reverse order. Used by the stories.

import { undoCgroup } from "../cgroups/driver.ts";
import type { CgroupRecord } from "../cgroups/record.ts";
import { useReserve } from "../engine/host/memory.ts";
import { TsrunError } from "../errors.ts";
import type { GlobalOptions } from "./options.ts";
import type { StateDirectory } from "./store.ts";

/** A stack of undo actions; `commit` drops them. */
export class Undo implements Disposable {
  readonly #actions: (() => void)[] = [];
  #last: (() => void) | undefined;

  /** Adds the action that undoes the last step. */
  add(action: () => void): void {
    this.#actions.push(action);
  }

  /** Adds an action that runs after all others. */
  addLast(action: () => void): void {
    this.#last = action;
  }

  /** All went well: nothing will be undone, and nothing may fail after this. */
  commit(): void {
    useReserve();
    this.keepRest();
  }

  /**
   * Called by an action that could not remove its thing: what was made before stays too, since it tells
   * `delete` of that thing.
   */
  keepRest(): void {
    this.#actions.length = 0;
    this.#last = undefined;
  }

  /**
   * Undoes everything. A failing action does not stop the others: the error that led here is the one to
   * report. What the host lacked for a moment, such as memory or a descriptor, may be there once more.
   */
  [Symbol.dispose](): void {
    useReserve();
    for (let action = this.#next(); action !== undefined; action = this.#next()) {
      if (!isDone(action)) isDone(action);
    }
  }

  #next(): (() => void) | undefined {
    const action = this.#actions.pop();
    if (action !== undefined) return action;
    const last = this.#last;
    this.#last = undefined;
    return last;
  }
}

/**
 * Adds an action on something that is found by the container's id or configuration, such as its cgroup. If
 * `delete --force` has removed the container meanwhile, it has removed that as well, and what is found now
 * may be the next container's.
 */
export function addOwn(undo: Undo, directory: StateDirectory, action: () => void): void {
  undo.add(() => {
    if (directory.lockIfThere()) action();
  });
}

/**
 * Acts on something of that kind with the lock held. Throws if the container has been removed meanwhile. If
 * `act` fails, the lock is kept, since the undo needs it.
 */
export function whileThere(directory: StateDirectory, act: () => void): void {
  if (!directory.lockIfThere()) throw new TsrunError("E_STATE", "the container was deleted meanwhile");
  act();
  directory.unlock();
}

interface MadeCgroup {
  readonly cgroup: CgroupRecord;
  /** The directories that this command has made for it. */
  readonly made: readonly string[];
  readonly id: string;
  readonly directory: StateDirectory;
  readonly log: GlobalOptions["log"];
}

/**
 * Adds the action that removes the container's cgroup, whose own processes have ended by then. If somebody,
 * such as a hook, has put another process into it, it stays, and so does the state, from which `delete` knows
 * of it; `delete` runs the poststop hooks then.
 */
export function addCgroupRemoval(undo: Undo, { cgroup, made, id, directory, log }: MadeCgroup): void {
  addOwn(undo, directory, () => {
    const fault = undoCgroup(cgroup, made);
    if (fault === undefined) return;
    undo.keepRest();
    log.leftover(`${fault.message}; "delete --force ${id}" ends them and removes the rest of the container`);
  });
}

/** False if the engine ran out of memory, or a system call failed. */
function isDone(action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    // `delete --force` removes what is left; the first error says why.
    return error instanceof TsrunError && error.code !== "E_SYSCALL";
  }
}
