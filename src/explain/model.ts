// The parts of an explanation, for both text and JSON: types, and a few functions that every topic needs.
// Pure.

import type { ContainerPlan } from "../container/plan.ts";
import type { FilterPlan } from "../seccomp/plan.ts";

/** The plan that `create` carries out, with the filter's plan instead of its bytes. */
export type ExplainedPlan = Omit<ContainerPlan, "seccomp"> & {
  readonly filter: FilterPlan | undefined;
  /** Cgroup files that this kernel lacks, instead of which others are written. */
  readonly missingFiles?: ReadonlySet<string>;
};

export type Row = Readonly<Record<string, string>>;

export interface Table {
  /** From left to right: the key in a row, and the column's title. */
  readonly columns: readonly (readonly [key: string, title: string])[];
  readonly rows: readonly Row[];
}

export interface Section {
  /** A stable name for programs, such as `mounts`. */
  readonly topic: string;
  readonly title: string;
  /** Paragraphs. */
  readonly text: readonly string[];
  readonly table?: Table;
  /** Below the table. */
  readonly notes?: readonly string[];
  /** With `--syscalls`: the system calls that it needs. */
  readonly syscalls?: readonly ShownCall[];
}

export interface ShownCall {
  /** Its position among all calls. */
  readonly number: number;
  /** Which process makes it. */
  readonly by: string;
  /** As strace would print it. */
  readonly call: string;
}

export interface Explanation {
  /** A bundle, or an existing container. */
  readonly subject: "bundle" | "container";
  readonly id: string;
  readonly bundle: string;
  readonly rootfs: string;
  /** The status of a container. */
  readonly status?: string;
  readonly pid?: number;
  readonly command: readonly string[];
  readonly sections: readonly Section[];
  /** Ignored settings and unknown keys. */
  readonly warnings: readonly string[];
}

/** `1 mount`, `2 mounts` */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** The words quoted as for a shell, for reading only. */
export function shellWords(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(" ");
}

const UNITS = ["KiB", "MiB", "GiB", "TiB", "PiB"];

/** `512 MiB`, if that is exact enough to recognise; `undefined` for small numbers. */
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
