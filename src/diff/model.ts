// What `diff` finds: one entry for each thing that differs from the configuration. Pure.

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
  /** The thing, by its own name: `memory.max`, `/proc/sys`, `bounding capabilities`. */
  readonly what: string;
  readonly asked: string;
  readonly found: string;
  /** What it leads to. */
  readonly costs: string;
  /** What to do about it. */
  readonly next: string;
  /** Set if `diff --fix` can write it again. */
  readonly fixable?: true;
  /** For a limit: its controller, or `unified` if the configuration names the file. */
  readonly controller?: string;
  /**
   * Set if the program can have made the change itself, without gaining rights: a server that gives up root.
   * It is reported, but does not count as a difference.
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
  /** What `--fix` wrote again; absent without `--fix`. */
  readonly written?: readonly string[];
}

export const NOTHING: Comparison = { differences: [], unseen: [] };

/** A comparison that could not be made. */
export function unseen(topic: Topic, why: string): Comparison {
  return { differences: [], unseen: [{ topic, why }] };
}

/** Puts several comparisons together, in this order. */
export function joined(...all: readonly Comparison[]): Comparison {
  return {
    differences: all.flatMap(({ differences }) => differences),
    unseen: all.flatMap(({ unseen }) => unseen),
  };
}
