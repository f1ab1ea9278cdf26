// Finds the mount of the plan that makes the directory of a path. A file in a tmpfs that has just been made
// cannot exist yet, so it is created at once, through the tmpfs's own descriptor, instead of failing to open
// first. Symbolic links are ignored: a wrong answer only costs a round trip. Pure.

import type { MountPlan } from "./mounts.ts";
import { parentOf } from "./paths.ts";

/** The mounts made so far, by destination. */
export class MountsSoFar {
  readonly #mounts: MountPlan[] = [];
  /** Positions by destination. */
  readonly #latest = new Map<string, number>();
  /** All directories above the destinations. */
  readonly #above = new Set<string>();

  /**
   * Adds the next mount of the plan.
   * @param parent the directory of its destination
   */
  add(mount: MountPlan, parent = parentOf(mount.destination)): void {
    // A link, or a remount, hides nothing.
    if (mount.kind === "bind" || mount.kind === "filesystem") {
      this.#latest.set(mount.destination, this.#mounts.length);
      for (let path = parent; !this.#above.has(path); path = parentOf(path)) this.#above.add(path);
    }
    this.#mounts.push(mount);
  }

  /** The position of the tmpfs whose root is the directory of `path`, if nothing covers it. */
  tmpfsAbove(path: string): number | undefined {
    return this.tmpfsAt(parentOf(path));
  }

  /** The position of the tmpfs whose root is `parent`, if nothing covers it. */
  tmpfsAt(parent: string): number | undefined {
    // The usual case.
    if (!this.#latest.has(parent)) return undefined;
    const last = this.#lastOver(parent);
    const mount = last === undefined ? undefined : this.#mounts[last];
    if (mount?.kind !== "filesystem" || mount.type !== "tmpfs" || mount.destination !== parent)
      return undefined;
    return last;
  }

  /**
   * Whether the file at `path` may change: a mount covers it, or a mount below it creates it if it is
   * missing.
   */
  changes(path: string): boolean {
    return this.#above.has(path) || this.#lastOver(path) !== undefined;
  }

  #lastOver(path: string): number | undefined {
    let last = this.#latest.get(path);
    for (let above = path; above !== "/"; ) {
      above = parentOf(above);
      const other = this.#latest.get(above);
      if (other !== undefined && (last === undefined || other > last)) last = other;
    }
    return last;
  }
}
