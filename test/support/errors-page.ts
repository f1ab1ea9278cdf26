// docs/errors.md's table: what runtimes say about the broken bundles, from the results that are checked in.

import { existsSync, readFileSync } from "node:fs";
import { type Broken, type Judgement, RESULTS, readBroken } from "./broken.ts";

const RUNTIMES = ["tsrun", "runc", "crun"] as const;
const START = "<!-- results -->";
const END = "<!-- /results -->";

type Results = Readonly<Record<string, Judgement>>;

function resultsOf(runtime: string): Results {
  const path = `${RESULTS}/${runtime}.json`;
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Results) : {};
}

/** The page with its table written anew. */
export function renewErrorsPage(page: string): string {
  const all = readBroken();
  const results = RUNTIMES.map(resultsOf);
  const sums = rows(all, results);
  const from = page.indexOf(START) + START.length;
  return `${page.slice(0, from)}\n\n${sums}\n\n${page.slice(page.indexOf(END))}`;
}

function rows(all: readonly Broken[], results: readonly Results[]): string {
  const counts = results.map((of) => {
    const count = (what: keyof Judgement): number => all.filter(({ name }) => of[name]?.[what]).length;
    return `${count("thing")}, ${count("cause")}, ${count("next")}`;
  });
  const lines = all.map(({ name, what }) => [what, ...results.map((of) => shown(of[name]))]);
  return table([["broken", ...RUNTIMES], [`thing, cause, next step of ${all.length}`, ...counts], ...lines]);
}

function shown(judged: Judgement | undefined): string {
  if (judged === undefined) return "not tried";
  const named = (["thing", "cause", "next"] as const).filter((what) => judged[what]);
  return named.length === 0 ? "–" : named.join(", ");
}

/** As the formatter lays tables out. */
function table(cells: readonly (readonly string[])[]): string {
  const widest = (column: number): number => Math.max(...cells.map((row) => row[column]?.length ?? 0));
  const widths = (cells[0] ?? []).map((_, column) => widest(column));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = cells;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...body.map(line)].join("\n");
}
