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

/**
 * The cells of a row, and what is known about it besides: `pointer` is the JSON pointer of the setting that
 * asks for it. If an explanation has its sources, `differs` and `usually` compare it with the usual
 * configuration.
 */
export type Row = Readonly<Record<string, string>>;

/** Beside the usual configuration it lets the container reach more, or less, or is something else. */
export type Difference = "wider" | "narrower" | "other";

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
  /** JSON pointer of the setting that the section is about. */
  readonly pointer?: string;
  /** What the paragraphs tell of single settings: `name`, `value` and, as in a table, `pointer`. */
  readonly facts?: readonly Row[];
  readonly table?: Table;
  /** Below the table. */
  readonly notes?: readonly string[];
  /** With `--syscalls`: the system calls that it needs. */
  readonly syscalls?: readonly ShownCall[];
  /** With sources: how the section as a whole differs from the usual one. */
  readonly differs?: Difference;
  /** With sources: rows that the usual configuration has and this one has not. */
  readonly lacks?: readonly Row[];
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
  readonly sources?: Sources;
}

/** Where the configuration asks for what is explained. */
export interface Sources {
  /** The file with the configuration. */
  readonly file: string;
  /** By JSON pointer: each pointer of a section, fact or row. */
  readonly places: Readonly<Record<string, Place>>;
}

/** A part of the file: a member with its key, or an entry of a list. Lines and columns count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
  readonly lastLine: number;
  /** Its lines, without the indentation that they have in common, and shortened if they are many. */
  readonly text: string;
  /** There is no such value; the place is that of the value that would hold it. */
  readonly absent?: true;
  /** `update` has changed the value since. */
  readonly changed?: true;
}

/** The pointer of the last entry of a list that is the given one; of the list, if there is none. */
export function entryPointers(list: string, entries: readonly string[]): (entry: string) => string {
  const indices = new Map(entries.map((entry, index) => [entry, index]));
  return (entry) => {
    const index = indices.get(entry);
    return index === undefined ? list : `${list}/${index}`;
  };
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
