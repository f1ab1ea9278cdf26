// What `explain` prints: headings, short paragraphs and aligned columns, or JSON of the same. Pure.

import type { Explanation, Row, Section, ShownCall, Table } from "../explain/model.ts";
import { shellWords } from "../explain/model.ts";
import { visible } from "./log.ts";

/** A page that fits beside something else. */
const WIDTH = 100;
/** Paragraphs are easier to read when they are narrower. */
const TEXT_WIDTH = 84;
const INDENT = "  ";
/** No column gets narrower than this for the sake of the others. */
const NARROWEST = 20;
const GAP = 2;

export function formatExplanation(explanation: Explanation, format: "text" | "json"): string {
  if (format === "json") return `${JSON.stringify(explanation, null, 2)}\n`;
  const sections = explanation.sections.map((section, index) => sectionText(section, index + 1));
  return [headText(explanation), ...sections, warningsText(explanation.warnings)].join("");
}

function headText({ subject, id, bundle, rootfs, status, pid, command }: Explanation): string {
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
    "A container is a process of this machine, to which the kernel shows less than is there, and lets it " +
    "do less. These are the steps that make one, in their order.";
  const facts = table({
    columns: [
      ["name", ""],
      ["value", ""],
    ],
    rows,
  });
  return `${title}\n\n${facts}\n${paragraph(intro)}`;
}

function sectionText(
  { title, text, table: rows, notes = [], syscalls = [] }: Section,
  number: number,
): string {
  const heading = `${number}. ${title}`;
  const parts = [
    ...text.map(paragraph),
    ...(rows === undefined || rows.rows.length === 0 ? [] : [table(rows)]),
    ...notes.map(paragraph),
    ...(syscalls.length === 0 ? [] : [syscalls.map(callLine).join("")]),
  ];
  return `\n${heading}\n${"-".repeat(heading.length)}\n\n${parts.join("\n")}`;
}

/** Never wrapped: it is to be compared, and searched. */
function callLine({ number, by, call }: ShownCall): string {
  return `${INDENT}${INDENT}${String(number).padStart(4)}  ${by.padEnd(6)} ${call}\n`;
}

function warningsText(warnings: readonly string[]): string {
  if (warnings.length === 0) return "";
  return `\nWarnings\n--------\n\n${warnings.map(paragraph).join("")}`;
}

function paragraph(text: string): string {
  return wrap(text, TEXT_WIDTH - INDENT.length)
    .map((line) => `${INDENT}${line}\n`)
    .join("");
}

function table({ columns, rows }: Table): string {
  const used = columns.filter(([key]) => rows.some((row) => (row[key] ?? "") !== ""));
  const titles = Object.fromEntries(used);
  const hasTitles = used.some(([, title]) => title !== "");
  const widths = columnWidths(
    used.map(([key]) => key),
    hasTitles ? [titles, ...rows] : rows,
  );
  return (hasTitles ? [titles, ...rows] : rows)
    .flatMap((row) =>
      rowLines(
        used.map(([key], index) => wrap(row[key] ?? "", widths[index] ?? WIDTH)),
        widths,
      ),
    )
    .map((line) => `${INDENT}${INDENT}${line}\n`)
    .join("");
}

/** As wide as their cells; where that is too much, the widest give way. */
function columnWidths(keys: readonly string[], rows: readonly Row[]): number[] {
  const widths = keys.map((key) => rows.reduce((most, row) => Math.max(most, lengthOf(row[key] ?? "")), 1));
  const room = WIDTH - INDENT.length * 2 - GAP * (keys.length - 1);
  for (;;) {
    const excess = widths.reduce((sum, width) => sum + width, 0) - room;
    const most = Math.max(...widths);
    if (excess <= 0 || most <= NARROWEST) return widths;
    // None is wider than the page; then the widest gives way by one, so that equals stay equals.
    widths[widths.indexOf(most)] = most > WIDTH ? WIDTH : most - 1;
  }
}

function rowLines(cells: readonly (readonly string[])[], widths: readonly number[]): string[] {
  const height = Math.max(1, ...cells.map((lines) => lines.length));
  return Array.from({ length: height }, (_, line) =>
    cells
      .map((lines, index) => (lines[line] ?? "") + pad(lines[line] ?? "", (widths[index] ?? 0) + GAP))
      .join("")
      .trimEnd(),
  );
}

function pad(cell: string, width: number): string {
  return " ".repeat(Math.max(0, width - lengthOf(cell)));
}

/** In characters, not in halves of surrogate pairs. */
function lengthOf(text: string): number {
  return [...text].length;
}

/** Lines of at most `width` characters; a word that is longer than one goes on where the line ends. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of visible(text.replaceAll(/[\n\r\t]/g, " ")).split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (lengthOf(longer) <= width) {
      line = longer;
      continue;
    }
    if (line !== "") lines.push(line);
    const pieces = chop(word, width);
    lines.push(...pieces.slice(0, -1));
    line = pieces.at(-1) ?? "";
  }
  return [...lines, line];
}

/** A path is cut behind a slash, flags behind a comma, if that is not too far back. */
function chop(word: string, width: number): string[] {
  const pieces: string[] = [];
  const signs = [...word];
  let start = 0;
  while (signs.length - start > width) {
    const head = signs.slice(start, start + width);
    const sign = Math.max(head.lastIndexOf("/"), head.lastIndexOf(","));
    const cut = sign > width / 2 ? sign + 1 : width;
    pieces.push(head.slice(0, cut).join(""));
    start += cut;
  }
  return [...pieces, signs.slice(start).join("")];
}
