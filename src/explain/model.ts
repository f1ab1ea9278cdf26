// The parts of an explanation, for both text and JSON, and a few functions that every topic needs. Pure.

import type { ContainerPlan } from "../container/plan.ts";
import type { FilterPlan } from "../seccomp/plan.ts";

/** The plan that `create` carries out, with the filter's plan instead of its bytes. */
export type ExplainedPlan = Omit<ContainerPlan, "seccomp"> & {
  readonly filter: FilterPlan | undefined;
  /** Cgroup files that this kernel lacks; others are written instead. */
  readonly missingFiles?: ReadonlySet<string>;
};

/**
 * The cells of a row by column. `pointer` is the JSON pointer of the setting that asks for it. If the
 * explanation has its sources, `differs` and `usually` compare the row with the usual configuration.
 */
export type Row = Readonly<Record<string, string>>;

/**
 * Whether, compared with the usual configuration, the container can reach more, or less, or something else.
 */
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
  /** Single settings that the paragraphs mention: `name`, `value` and, as in a table, `pointer`. */
  readonly facts?: readonly Row[];
  readonly table?: Table;
  /** Paragraphs below the table. */
  readonly notes?: readonly string[];
  /** With `--syscalls`: the system calls that it needs. */
  readonly syscalls?: readonly ShownCall[];
  /** With sources: how the section as a whole differs from the usual one. */
  readonly differs?: Difference;
  /** With sources: rows that only the usual configuration has. */
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

/** Where in the configuration each thing is asked for. */
export interface Sources {
  /** The file with the configuration. */
  readonly file: string;
  /** By JSON pointer: each pointer of a section, fact or row. */
  readonly places: Readonly<Record<string, SourcePlace>>;
}

/** A part of the file: a member with its key, or an entry of a list. Lines and columns count from 1. */
export interface SourcePlace {
  readonly line: number;
  readonly column: number;
  readonly lastLine: number;
  /** Its lines, without the indentation that they have in common, and shortened if they are many. */
  readonly text: string;
  /** Set if there is no such value; the place is that of the value that would contain it. */
  readonly absent?: true;
  /** Set if `update` has changed the value since. */
  readonly changed?: true;
}

/**
 * Returns a function that finds the pointer of an entry, the last if it is listed twice; or else of the
 * list.
 */
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

/** The words as one line, quoted where needed. For reading only: not every shell would read it back. */
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
