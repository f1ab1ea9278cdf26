// A row of a table: its cells, how it differs, and the lines of config.json that ask for it. The lines are in
// a box that the style sheet shows at the bottom of the window while the pointer or the focus is on the row.
// Pure.

import type { Row, SourcePlace } from "../model.ts";
import { isDifference, markClass, SIGNS } from "./marks.ts";
import { cellMarkup, escaped, escapedLines } from "./markup.ts";

/** Numbers for the ids of elements that refer to each other, one for each row. */
export class Numbers {
  readonly #numbers = new Map<string, number>();

  /** Returns the same number each time for the same row. */
  of(row: string): number {
    const known = this.#numbers.get(row);
    if (known !== undefined) return known;
    this.#numbers.set(row, this.#numbers.size);
    return this.#numbers.size - 1;
  }
}

export interface RowRequest {
  readonly id: string;
  readonly row: Row;
  readonly columns: readonly (readonly [key: string, title: string])[];
  readonly places: Readonly<Record<string, SourcePlace>>;
  readonly numbers: Numbers;
  /** Whether only the usual configuration has this row. */
  readonly isMissing?: boolean;
}

/** Longer cells are folded; they are lists of names. */
const LONGEST_CELL = 400;

export function rowMarkup(request: RowRequest): string {
  const { id, row, columns, isMissing = false } = request;
  const cells = columns.map(([key, title], index) => cell(row[key] ?? "", title, index));
  const missing = isMissing ? ' data-missing="yes"' : "";
  const mark = markCell(row.differs);
  const all = [mark, ...cells, askedCell(request)].join("");
  return `<tr id="${id}"${markClass(row.differs)}${missing}>${all}</tr>`;
}

function cell(text: string, title: string, index: number): string {
  const { markup, isLong } = cellMarkup(text);
  const long = isLong ? ' class="long"' : "";
  if (index === 0) return `<th scope="row"${long}>${markup}</th>`;
  const name = title === "" ? "" : ` data-t="${escaped(title.toLowerCase())}"`;
  if (text.length <= LONGEST_CELL) return `<td${name}${long}>${markup}</td>`;
  const count = text.split(" ").length;
  const folded = `<details><summary>${count} names</summary>${escaped(text)}</details>`;
  return `<td${name}>${folded}</td>`;
}

function markCell(differs: string | undefined): string {
  if (!isDifference(differs)) return '<td class="mark"></td>';
  return `<td class="mark">${SIGNS[differs]}<span class="vh"> ${differs}</span></td>`;
}

function askedCell({ id, row, places, numbers, isMissing = false }: RowRequest): string {
  const pointer = row.pointer ?? "";
  const place = places[pointer];
  const asked = place === undefined ? "always" : askedMarkup({ id, pointer, place, numbers });
  return `<td class="ask">${asked}${usually(row, isMissing)}</td>`;
}

export interface AskedCell {
  /** The id of the row or section. */
  readonly id: string;
  readonly pointer: string;
  readonly place: SourcePlace;
  readonly numbers: Numbers;
}

/** A link to the row itself, which a reader can copy and pass on, and the box of lines. */
export function askedMarkup({ id, pointer, place, numbers }: AskedCell): string {
  const number = numbers.of(id);
  const link = `<a href="#${id}" aria-describedby="t${number}">${placeLabel(place)}</a>`;
  return `${link}${tip(number, pointer, place)}`;
}

/** `line 41` */
function placeLabel({ line, absent, changed }: SourcePlace): string {
  if (absent === true) return "not set";
  return changed === true ? `line ${line}, updated` : `line ${line}`;
}

function usually({ differs, usually: before = "" }: Row, isMissing: boolean): string {
  if (differs === undefined) return "";
  if (isMissing) return "<small>only by default</small>";
  return `<small>${before === "" ? "not by default" : `by default: ${escaped(before)}`}</small>`;
}

function tip(number: number, pointer: string, place: SourcePlace): string {
  const { line, lastLine, column, text, absent, changed } = place;
  const lines = lastLine > line ? `lines ${line} to ${lastLine}` : `line ${line}, column ${column}`;
  const note =
    absent === true
      ? ` is not there; it would be in ${lines}`
      : `, ${lines}${changed === true ? "; update has changed it since" : ""}`;
  return (
    `<div class="tip" id="t${number}"><p><code>${escaped(pointer)}</code>${note}</p>` +
    `<pre>${escapedLines(text)}</pre></div>`
  );
}
