// What shims and runtimes of a containerd use: memory from /proc, processor time from the cgroup that
// containerd is put into, since shims stay in it and containers leave it.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

/** What a shim takes, MiB. */
export interface Memory {
  readonly privateMiB: number;
  readonly pssMiB: number;
  readonly threads: number;
}

export function memoryOf(pid: number): Memory {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const kib = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(rollup)?.[1] ?? 0);
  return {
    // Clean pages are the program's, which shims share.
    privateMiB: kib("Private_Dirty") / 1024,
    pssMiB: kib("Pss") / 1024,
    threads: readdirSync(`/proc/${pid}/task`).length,
  };
}

/** Processor time of shims and runtimes, without containerd's own. */
export class Processor {
  readonly #containerd: number;
  readonly #usage: string;

  /** @param name of a cgroup that is made for it; the lab removes it */
  constructor(containerd: number, name: string) {
    const folder = `/sys/fs/cgroup/cpuacct/${name}`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/cgroup.procs`, String(containerd));
    this.#containerd = containerd;
    this.#usage = `${folder}/cpuacct.usage`;
  }

  /** Milliseconds of containerd itself until now. */
  ofContainerd(): number {
    return this.#own() / 1e6;
  }

  /** Milliseconds until now. */
  now(): number {
    return (Number(readFileSync(this.#usage, "utf8")) - this.#own()) / 1e6;
  }

  /** Nanoseconds of containerd's threads; it keeps those that it has made. */
  #own(): number {
    const threads = `/proc/${this.#containerd}/task`;
    return readdirSync(threads)
      .map((thread) => Number(readFileSync(`${threads}/${thread}/schedstat`, "utf8").split(" ")[0]))
      .reduce((sum, one) => sum + one, 0);
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
