// Which mount of the plan makes the directory that a path stands in. A file below a tmpfs that has just been
// made cannot exist yet, so it is created at once, by the tmpfs' own descriptor, instead of being missed
// first. Symbolic links are not considered: a wrong answer costs a round trip, nothing else. Pure.

import type { MountPlan } from "./mounts.ts";
import { parentOf } from "./paths.ts";

/** The mounts made so far, by where they lie. */
export class MountsSoFar {
  readonly #mounts: MountPlan[] = [];
  /** Positions by destination. */
  readonly #latest = new Map<string, number>();
  /** What destinations lie below. */
  readonly #above = new Set<string>();

  /** Adds the next mount of the plan. */
  add(mount: MountPlan): void {
    // A link or new flags hide nothing.
    if (mount.kind === "bind" || mount.kind === "filesystem") {
      this.#latest.set(mount.destination, this.#mounts.length);
      for (let path = mount.destination; path !== "/"; ) {
        path = parentOf(path);
        if (this.#above.has(path)) break;
        this.#above.add(path);
      }
    }
    this.#mounts.push(mount);
  }

  /** The position of the tmpfs whose root is the directory of `path`, as long as nothing lies over it. */
  providerOf(path: string): number | undefined {
    const parent = parentOf(path);
    // So it is with nearly all.
    if (!this.#latest.has(parent)) return undefined;
    const last = this.#lastOver(parent);
    const mount = last === undefined ? undefined : this.#mounts[last];
    if (mount?.kind !== "filesystem" || mount.type !== "tmpfs" || mount.destination !== parent)
      return undefined;
    return last;
  }

  /**
   * Whether what is at `path` now may not be what will be: a mount lies over it, or below it, which makes it
   * where it is missing.
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
