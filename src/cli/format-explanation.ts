// Formats the output of `explain`: headings, short paragraphs and aligned columns, or the same as JSON. Pure.

import type { Explanation, Row, Section, ShownCall, Table } from "../explain/model.ts";
import { shellWords } from "../explain/model.ts";
import { readableJson } from "./readable-json.ts";
import { isPlain, lengthOf, withoutBreaks, wrap } from "./wrap.ts";

/** Columns of a page that goes to no terminal: narrow enough to have another window beside it. */
const WIDTH = 100;
/** On a narrower terminal lines are longer than it. */
const LEAST_WIDTH = 50;
/** Most columns of a paragraph: narrower text is easier to read. */
const TEXT_WIDTH = 84;
const INDENT = "  ";
/** No column is made narrower than this to make room for others, if all of them fit then. */
const NARROWEST = 20;
const GAP = 2;

/** @param terminal the columns of the terminal that the text goes to, if it is one */
export function formatExplanation(
  explanation: Explanation,
  format: "text" | "json",
  terminal?: number | undefined,
): string {
  if (format === "json") return readableJson(explanation);
  const width = Math.max(LEAST_WIDTH, terminal ?? WIDTH);
  const sections = explanation.sections.map((section, index) => sectionText(section, index + 1, width));
  return [headText(explanation, width), ...sections, warningsText(explanation.warnings, width)].join("");
}

function headText({ subject, id, bundle, rootfs, status, pid, command }: Explanation, width: number): string {
  const title =
    subject === "bundle"
      ? `What tsrun does to create a container from "${bundle}"`
      : `What tsrun did to create the container "${id}"`;
  const rows: Row[] = [
    { name: "bundle", value: bundle },
    { name: "root file system", value: rootfs },
    { name: "command", value: shellWords(command) },
    ...(status === undefined
      ? []
      : [{ name: "status", value: pid === 0 ? status : `${status}, pid ${pid}` }]),
  ];
  const intro =
    "A container is a process of this machine. The kernel shows it less than there is, and lets it do " +
    "less. These are the steps that make one, in order.";
  const facts = table(
    {
      columns: [
        ["name", ""],
        ["value", ""],
      ],
      rows,
    },
    width,
  );
  return `${wrap(title, width).join("\n")}\n\n${facts}\n${paragraph(intro, width)}`;
}

function sectionText(
  { title, text, table: rows, notes = [], syscalls = [] }: Section,
  number: number,
  width: number,
): string {
  const heading = `${number}. ${title}`;
  const parts = [
    ...text.map((one) => paragraph(one, width)),
    ...(rows === undefined || rows.rows.length === 0 ? [] : [table(rows, width)]),
    ...notes.map((one) => paragraph(one, width)),
    ...(syscalls.length === 0 ? [] : [syscalls.map(callLine).join("")]),
  ];
  return `\n${heading}\n${"-".repeat(heading.length)}\n\n${parts.join("\n")}`;
}

/** Never wrapped, so that lines can be compared and searched. */
function callLine({ number, by, call }: ShownCall): string {
  return `${INDENT}${INDENT}${String(number).padStart(4)}  ${by.padEnd(6)} ${call}\n`;
}

function warningsText(warnings: readonly string[], width: number): string {
  if (warnings.length === 0) return "";
  return `\nWarnings\n--------\n\n${warnings.map((one) => paragraph(one, width)).join("")}`;
}

function paragraph(text: string, width: number): string {
  return wrap(withoutBreaks(text), Math.min(TEXT_WIDTH, width) - INDENT.length)
    .map((line) => `${INDENT}${line}\n`)
    .join("");
}

class Column {
  readonly #cells: readonly string[];
  /** Whether every cell is plain, so that a text's length is its number of characters. */
  readonly #plain: boolean;
  /** Cells that have been wrapped: many rows have the same. */
  readonly #wrapped = new Map<string, readonly string[]>();
  width: number;

  constructor(cells: readonly string[]) {
    // Check one joined text: there may be a hundred thousand cells.
    this.#plain = isPlain(cells.join(""));
    this.#cells = this.#plain ? cells : cells.map(withoutBreaks);
    this.width = this.#cells.reduce((most, cell) => Math.max(most, this.#sizeOf(cell)), 1);
  }

  #sizeOf(text: string): number {
    return this.#plain ? text.length : lengthOf(text);
  }

  /** The cell, if it fits on one line. */
  line(row: number): string | undefined {
    const cell = this.#cells[row] ?? "";
    return this.#sizeOf(cell) <= this.width ? this.pad(cell) : undefined;
  }

  lines(row: number): readonly string[] {
    const cell = this.#cells[row] ?? "";
    if (this.#sizeOf(cell) <= this.width) return [cell];
    const known = this.#wrapped.get(cell);
    if (known !== undefined) return known;
    const lines = wrap(cell, this.width);
    this.#wrapped.set(cell, lines);
    return lines;
  }

  /** Like padEnd, which counts UTF-16 units, but in characters. */
  pad(text: string): string {
    return text.padEnd(this.width + GAP + text.length - this.#sizeOf(text));
  }
}

function table({ columns, rows }: Table, width: number): string {
  const used = columns.filter(([key]) => rows.some((row) => (row[key] ?? "") !== ""));
  const hasTitles = used.some(([, title]) => title !== "");
  const shown: readonly Row[] = hasTitles ? [Object.fromEntries(used), ...rows] : rows;
  const laidOut = used.map(([key]) => new Column(shown.map((row) => row[key] ?? "")));
  fit(laidOut, width);
  return shown.map((_, row) => shortRow(laidOut, row) ?? tallRow(laidOut, row)).join("");
}

/** Makes columns as wide as their cells; if that is too wide, narrows the widest. */
function fit(columns: readonly Column[], page: number): void {
  const room = page - INDENT.length * 2 - GAP * (columns.length - 1);
  const least = Math.min(NARROWEST, Math.floor(room / columns.length));
  for (;;) {
    const excess = columns.reduce((sum, { width }) => sum + width, 0) - room;
    const most = Math.max(...columns.map(({ width }) => width));
    const widest = columns.find(({ width }) => width === most);
    if (widest === undefined || excess <= 0 || most <= least) return;
    // No column is wider than the page. Narrow the widest by one at a time, so that equal columns stay equal.
    widest.width = most > page ? page : most - 1;
  }
}

function shortRow(columns: readonly Column[], row: number): string | undefined {
  let text = "";
  for (const column of columns) {
    const cell = column.line(row);
    if (cell === undefined) return undefined;
    text += cell;
  }
  return rowLine(text);
}

function tallRow(columns: readonly Column[], row: number): string {
  const cells = columns.map((column) => ({ column, lines: column.lines(row) }));
  const height = cells.reduce((most, { lines }) => Math.max(most, lines.length), 1);
  let text = "";
  for (let line = 0; line < height; line += 1) {
    let parts = "";
    for (const { column, lines } of cells) parts += column.pad(lines[line] ?? "");
    text += rowLine(parts);
  }
  return text;
}

function rowLine(text: string): string {
  return `${INDENT}${INDENT}${text.trimEnd()}\n`;
}
