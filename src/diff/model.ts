// What `diff` finds: one entry for each thing that is not as the configuration asks for it. Types only.

import type { Status } from "../container/options.ts";

export type Topic =
  | "cgroup"
  | "limits"
  | "devices"
  | "namespaces"
  | "mounts"
  | "process"
  | "sysctls"
  | "network";

export interface Difference {
  readonly topic: Topic;
  /** The thing, by its own name: `memory.max`, `/proc/sys`, `CAP_SYS_ADMIN`. */
  readonly what: string;
  readonly asked: string;
  readonly found: string;
  /** What follows from it. */
  readonly costs: string;
  /** What to do about it. */
  readonly next: string;
  /** `diff --fix` writes it again. */
  readonly fixable?: true;
  /** Of a limit: the controller whose files it is in; `unified` if the configuration names the file. */
  readonly controller?: string;
  /**
   * A program may do this to itself without anybody's help, and gets no more by it: a server that gives up
   * root. It is told, and does not count.
   */
  readonly own?: true;
}

/** What could not be compared, and why. */
export interface Unseen {
  readonly topic: Topic;
  readonly why: string;
}

export interface Comparison {
  readonly differences: readonly Difference[];
  readonly unseen: readonly Unseen[];
}

export interface DiffReport extends Comparison {
  readonly id: string;
  readonly status: Status;
  readonly pid: number;
  /** Whether a difference counts. */
  readonly differs: boolean;
  /** What `--fix` has written again; absent without it. */
  readonly written?: readonly string[];
}

export const NOTHING: Comparison = { differences: [], unseen: [] };

/** Puts several comparisons together, in this order. */
export function joined(...all: readonly Comparison[]): Comparison {
  return {
    differences: all.flatMap(({ differences }) => differences),
    unseen: all.flatMap(({ unseen }) => unseen),
  };
}
