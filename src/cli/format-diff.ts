// Formats the output of `diff`: a table that a person reads, or JSON. Pure.

import type { Difference, DiffReport, Topic } from "../diff/model.ts";
import { visible } from "./log.ts";
import { readableJson } from "./readable-json.ts";
import { wrap } from "./wrap.ts";

export interface DiffFormat {
  readonly json: boolean;
  /** Columns of the terminal; `undefined` if it is none. */
  readonly width: number | undefined;
}

const TITLES: Readonly<Record<Topic, string>> = {
  cgroup: "Control group",
  limits: "Limits",
  devices: "Devices",
  namespaces: "Namespaces",
  mounts: "Mounts",
  process: "First process",
  sysctls: "Kernel parameters",
  network: "Network devices",
};
const TOPICS = Object.keys(TITLES) as Topic[];

/** The width if the output is no terminal. */
const USUAL_WIDTH = 110;
const LEAST_WIDTH = 50;
/** From this width on, costs and next step have a column of their own. */
const WIDE = 150;
const GAP = 2;
/** At most this many differences of a topic are shown: a program may have mounted a thousand things. */
const MOST = 40;

export function formatDiff(report: DiffReport, { json, width = USUAL_WIDTH }: DiffFormat): string {
  if (json) return readableJson(report);
  const columns = Math.max(LEAST_WIDTH, width);
  const counted = report.differences.filter(({ own }) => own !== true);
  const own = report.differences.filter((one) => one.own === true);
  const parts = [
    ...(report.written === undefined ? [] : [written(report.written)]),
    ...sections(counted, columns),
    ...(own.length === 0 ? [] : [HARMLESS, ...sections(own, columns)]),
    ...report.unseen.map(({ topic, why }) => `${TITLES[topic]} not compared: ${visible(why)}.\n`),
    verdict(report, counted.length),
  ];
  return parts.flatMap((part) => wrapped(part, columns)).join("\n");
}

const HARMLESS = "Changes that the program may have made itself, and that give it no more rights:\n";

/** Wraps sentences; tables have been laid out already. */
function wrapped(part: string, columns: number): string[] {
  const [first = ""] = part.split("\n");
  return part.split("\n").length === 2 && first.length > columns
    ? [`${wrap(first, columns).join("\n")}\n`]
    : [part];
}

function sections(differences: readonly Difference[], columns: number): string[] {
  return TOPICS.flatMap((topic) => {
    const some = differences.filter((one) => one.topic === topic);
    if (some.length === 0) return [];
    const rest = some.length - MOST;
    const more = rest > 0 ? `  and ${rest} more, which --json shows\n` : "";
    return [`${TITLES[topic]}\n${table(some.slice(0, MOST), columns)}${more}`];
  });
}

/** Four columns if the terminal is wide, otherwise three with the rest below each row. */
function table(differences: readonly Difference[], columns: number): string {
  const isWide = columns >= WIDE;
  const room = columns - GAP * (isWide ? 4 : 3);
  const [what, asked, found, rest] = isWide
    ? shares(room, [20, 22, 22, 36], differences)
    : [...shares(room, [30, 35, 35], differences), 0];
  const widths = [what ?? 0, asked ?? 0, found ?? 0, ...(isWide ? [rest ?? 0] : [])];
  const head = row(["WHAT", "ASKED", "FOUND", ...(isWide ? ["COSTS, AND WHAT TO DO"] : [])], widths);
  const rows = differences.map((one) => {
    const cells = [one.what, one.asked, one.found];
    if (isWide) return row([...cells, `${one.costs}; ${one.next}`], widths);
    const below = [`costs: ${one.costs}`, `next:  ${one.next}`];
    return row(cells, widths) + below.map((text) => indented(text, columns)).join("");
  });
  return head + rows.join("");
}

/** Widths by percent. A column is no wider than its longest cell, and leaves the rest to those after it. */
function shares(room: number, percents: readonly number[], differences: readonly Difference[]): number[] {
  const longest = [
    lengthOf("WHAT", differences, ({ what }) => what),
    lengthOf("ASKED", differences, ({ asked }) => asked),
    lengthOf("FOUND", differences, ({ found }) => found),
  ];
  let left = room;
  let percent = 100;
  return percents.map((share, index) => {
    const part = index === percents.length - 1 ? left : Math.floor((left * share) / percent);
    const width = Math.min(part, longest[index] ?? part);
    left -= width;
    percent -= share;
    return width;
  });
}

function lengthOf(
  title: string,
  differences: readonly Difference[],
  cell: (of: Difference) => string,
): number {
  return Math.max(title.length, ...differences.map((one) => visible(cell(one)).length));
}

/** One row of the table. It has as many lines as its longest cell needs. */
function row(cells: readonly string[], widths: readonly number[]): string {
  const lines = cells.map((cell, index) => wrap(visible(cell), Math.max(4, widths[index] ?? 4)));
  const height = Math.max(...lines.map(({ length }) => length));
  let text = "";
  for (let at = 0; at < height; at++) {
    const parts = lines.map((cell, index) => (cell[at] ?? "").padEnd(widths[index] ?? 0));
    text += `${" ".repeat(GAP)}${parts.join(" ".repeat(GAP))}`.trimEnd().concat("\n");
  }
  return text;
}

function indented(text: string, columns: number): string {
  const indent = " ".repeat(GAP * 3);
  const [first = "", ...rest] = wrap(visible(text), columns - indent.length - 7);
  return [`${indent}${first}\n`, ...rest.map((line) => `${indent}       ${line}\n`)].join("");
}

function written(names: readonly string[]): string {
  if (names.length === 0) return "Nothing was written: no limit and no device rule differs.\n";
  return `Written again: ${names.map(visible).join(", ")}.\n`;
}

function verdict({ id, differences, written: fixed }: DiffReport, counted: number): string {
  const name = visible(id);
  if (counted === 0) return `Nothing differs in ${name} from what its configuration asks for.\n`;
  const words = counted === 1 ? "1 thing differs" : `${counted} things differ`;
  if (fixed !== undefined) {
    return `${words} in ${name} still; diff --fix cannot change that.\n`;
  }
  const fixable = differences.filter((one) => one.fixable === true).length;
  const which = counted === 1 ? "it" : fixable === counted ? "them" : `${fixable} of them`;
  const hint = fixable === 0 ? "" : `; "diff --fix" writes ${which} again`;
  return `${words} in ${name} from what its configuration asks for${hint}.\n`;
}
