// The results of `make bench`: their types, and reading and renewing those that are checked in.

import { existsSync, readFileSync, writeFileSync } from "node:fs";

export const RESULTS = "test/bench/results.json";

export const CGROUPS = ["v1", "v2"] as const;
export type Cgroups = (typeof CGROUPS)[number];

/** `100 mounts` is `create` with so many mounts. "At once" means by so many processes. */
export const ROWS = [
  "create",
  "start",
  "state",
  "exec",
  "kill",
  "delete",
  "run",
  "whole life",
  "100 mounts",
  "20 execs at once",
  "10 lives at once",
  "list of 300",
  "list -q of 300",
] as const;
export type Row = (typeof ROWS)[number];

/** Milliseconds, as medians of all rounds. */
export interface Figure {
  /** Wall-clock time. */
  readonly wall: number;
  /** Processor time of the command and all processes that it waited for. */
  readonly processor: number;
  /** The lower and the upper quartile of `wall`. */
  readonly low: number;
  readonly high: number;
}

/** By the name of a runtime. */
export type Figures = Readonly<Record<string, Figure>>;

/** What was measured in one run under one set of conditions. */
export interface Block {
  readonly cgroups: Cgroups;
  /** Whether containers have Docker's default profile. */
  readonly seccomp: boolean;
  /** Whether a busy loop runs on every processor. */
  readonly busy: boolean;
  readonly rounds: number;
  readonly date: string;
  readonly kernel: string;
  readonly processor: string;
  readonly processors: number;
  /** By the name of a runtime. */
  readonly versions: Readonly<Record<string, string>>;
  /** The cost of starting a program that does nothing, which all figures include. */
  readonly nothing: Figure;
  readonly rows: Readonly<Partial<Record<Row, Figures>>>;
}

/** Returns an empty list if no results have been kept yet. */
export function readResults(path = RESULTS): Block[] {
  if (!existsSync(path)) return [];
  return JSON.parse(readFileSync(path, "utf8")) as Block[];
}

export function writeResults(path: string, blocks: readonly Block[]): void {
  writeFileSync(path, `${JSON.stringify(blocks, null, 2)}\n`);
}

/** Puts new blocks in place of those under the same conditions, in the order of the page. */
export function renew(before: readonly Block[], measured: readonly Block[]): Block[] {
  const kept = before.filter((block) => !measured.some((other) => conditions(other) === conditions(block)));
  return [...kept, ...measured].sort((a, b) => order(a) - order(b));
}

function conditions({ cgroups, seccomp, busy }: Block): string {
  return JSON.stringify([cgroups, seccomp, busy]);
}

/** v2 comes first, since most hosts have it; idle before busy, without a profile before with one. */
function order({ cgroups, seccomp, busy }: Block): number {
  return (cgroups === "v2" ? 0 : 4) + (busy ? 2 : 0) + (seccomp ? 1 : 0);
}

/** `low` and `high` are quartiles. */
export function figureOf(times: readonly { readonly wall: number; readonly processor: number }[]): Figure {
  const walls = times.map(({ wall }) => wall);
  return {
    wall: quantile(walls, 0.5),
    processor: quantile(
      times.map(({ processor }) => processor),
      0.5,
    ),
    low: quantile(walls, 0.25),
    high: quantile(walls, 0.75),
  };
}

/** Rounded to a microsecond. */
function quantile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * part;
  const [below = Number.NaN, above = below] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return Math.round((below + (above - below) * (at - Math.floor(at))) * 1000) / 1000;
}
