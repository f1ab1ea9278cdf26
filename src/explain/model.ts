// What an explanation is made of, for text and JSON alike. Types, and the few words that every topic needs.
// Pure.

import type { ContainerPlan } from "../container/plan.ts";
import type { FilterPlan } from "../seccomp/plan.ts";

/** The plan that `create` carries out; of the filter, what it says rather than its bytes. */
export type ExplainedPlan = Omit<ContainerPlan, "seccomp"> & {
  readonly filter: FilterPlan | undefined;
  /** Files of cgroups that this kernel lacks, and in whose place others are written. */
  readonly missingFiles?: ReadonlySet<string>;
};

export type Row = Readonly<Record<string, string>>;

export interface Table {
  /** In order, from left to right: the key in a row, and what stands above the column. */
  readonly columns: readonly (readonly [key: string, title: string])[];
  readonly rows: readonly Row[];
}

export interface Section {
  /** A word that programs may go by: `mounts`. */
  readonly topic: string;
  readonly title: string;
  /** Paragraphs. */
  readonly text: readonly string[];
  readonly table?: Table;
  /** Below the table. */
  readonly notes?: readonly string[];
  /** With `--syscalls`: what is called for it. */
  readonly syscalls?: readonly ShownCall[];
}

export interface ShownCall {
  /** Its place in the order of all. */
  readonly number: number;
  /** Which process makes it. */
  readonly by: string;
  /** As strace would print it. */
  readonly call: string;
}

export interface Explanation {
  /** A bundle to be, or a container that is there. */
  readonly subject: "bundle" | "container";
  readonly id: string;
  readonly bundle: string;
  readonly rootfs: string;
  /** Of a container. */
  readonly status?: string;
  readonly pid?: number;
  readonly command: readonly string[];
  readonly sections: readonly Section[];
  /** What is done without, and keys that mean nothing. */
  readonly warnings: readonly string[];
}

/** `1 mount`, `2 mounts` */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** As a shell would need it, for reading only. */
export function shellWords(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(" ");
}

const UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB"];

/** `512 MiB`, where that is exact enough to recognize; `undefined` for small numbers. */
export function inUnits(bytes: number): string | undefined {
  if (!Number.isFinite(bytes) || bytes < 1024) return undefined;
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number(value.toFixed(1))} ${UNITS[unit]}`;
}
