// How often the kernel has killed processes of a container because memory had run out (cgroup-v2.rst,
// "Memory Interface Files"; cgroup-v1/memory.rst, "OOM Control").

import { readTextIfThere } from "../linux/files/files.ts";
import type { CgroupRecord } from "./record.ts";

/**
 * How often the kernel killed a process of the container because it ran out of memory. systemd removes a
 * scope, and its counter, as soon as it is empty; the slice above keeps the count, together with its other
 * units'.
 */
export function oomKills(record: CgroupRecord): number {
  const directory = sliceDirectory(record) ?? memoryCgroup(record);
  return directory === undefined ? 0 : (oomKillsIn(directory, record.driver) ?? 0);
}

/** What `oomKills` counts before the container does anything: only a slice has others' kills. */
export function oomKillsOfOthers(record: CgroupRecord): number {
  return sliceDirectory(record) === undefined ? 0 : oomKills(record);
}

/**
 * Like `oomKills`, but only of the container's own cgroup, and its path; empty if it is gone or has no
 * counter.
 */
export function ownOomKills(record: CgroupRecord): { oomKills?: number; cgroup?: string } {
  const cgroup = memoryCgroup(record);
  const kills = cgroup === undefined ? undefined : oomKillsIn(cgroup, record.driver);
  return cgroup === undefined || kills === undefined ? {} : { oomKills: kills, cgroup };
}

/** The directory above the unit; only on v2, whose counts include those of all cgroups below. */
export function sliceDirectory({ driver, paths, unit }: CgroupRecord): string | undefined {
  const own = paths[""];
  if (driver !== "v2" || unit === undefined || own === undefined) return undefined;
  // The container may be further below the unit.
  return own.slice(0, `${own}/`.lastIndexOf(`/${unit.name}/`));
}

/** `undefined` without the memory controller. */
export function memoryCgroup({ driver, paths }: CgroupRecord): string | undefined {
  return paths[driver === "v2" ? "" : "memory"];
}

const KILLS = "\noom_kill ";

/** `undefined` if the cgroup is gone or has no counter. */
function oomKillsIn(directory: string, driver: CgroupRecord["driver"]): number | undefined {
  const file = driver === "v2" ? "memory.events" : "memory.oom_control";
  const found = readTextIfThere(`${directory}/${file}`, { isShort: true });
  // In both files it is on a line of its own, and never the first.
  const at = found === undefined ? -1 : found.indexOf(KILLS);
  return found === undefined || at < 0 ? undefined : Number.parseInt(found.slice(at + KILLS.length), 10);
}

/**
 * Notices new kills in a v2 cgroup, also those just before it was removed. Then only the slice above has
 * counted them, together with those of its other cgroups; these are noted while the cgroup is there. So a
 * kill elsewhere in the slice is mistaken for one of the container's only between the last look and the
 * cgroup's end.
 */
export class KillsInV2 {
  readonly #directory: string;
  readonly #slice: string | undefined;
  #own = 0;
  #elsewhere = 0;

  constructor(directory: string, slice: string | undefined) {
    this.#directory = directory;
    this.#slice = slice;
    // Those that are there already are not new.
    this.haveGrown();
  }

  /** Whether there are more than at the last look. */
  haveGrown(): boolean {
    const before = this.#own;
    const own = this.#count(this.#directory);
    const total = this.#count(this.#slice) ?? 0;
    if (own === undefined) {
      this.#own = Math.max(before, total - this.#elsewhere);
    } else {
      this.#own = own;
      // If another one came between these looks, both counts are compared next time.
      if (this.#count(this.#directory) === own) this.#elsewhere = total - own;
    }
    return this.#own > before;
  }

  #count(directory: string | undefined): number | undefined {
    return directory === undefined ? undefined : oomKillsIn(directory, "v2");
  }
}
