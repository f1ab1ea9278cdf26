// The sections of an explanation as HTML: headings, paragraphs and tables, in the order in which `create`
// does things. Pure.

import type { Row, Section, ShownCall, SourcePlace } from "../model.ts";
import { countDifferences, countsMarkup, isDifference, MEANINGS, SIGNS } from "./marks.ts";
import { escaped, escapedLines } from "./markup.ts";
import { askedMarkup, type Numbers, rowMarkup } from "./row.ts";

const FACT_COLUMNS = [
  ["name", "WHAT"],
  ["value", "IS"],
] as const;

/**
 * A table has at most this many rows: browsers cannot show hundreds of thousands, which a configuration may
 * have.
 */
const MOST_ROWS = 10_000;

export interface WordsRequest {
  readonly places: Readonly<Record<string, SourcePlace>>;
  readonly numbers: Numbers;
}

export function sectionMarkup(section: Section, number: number, request: WordsRequest): string {
  const { topic, title, text, facts = [], table, notes = [], lacks = [], syscalls = [] } = section;
  const columns = table?.columns ?? defaultColumns(lacks);
  const all = table?.rows ?? [];
  const rows = all
    .slice(0, MOST_ROWS)
    .map((row, index) => rowMarkup({ id: `${topic}-${index}`, row, columns, ...request }));
  const missing = lacks.map((row, index) =>
    rowMarkup({ id: `${topic}-no-${index}`, row, columns, ...request, isMissing: true }),
  );
  const factRows = facts.map((row, index) =>
    rowMarkup({ id: `${topic}-fact-${index}`, row, columns: FACT_COLUMNS, ...request }),
  );
  return [
    `<section aria-labelledby="${topic}">${headMarkup(section, number, request)}`,
    wholeMarkup(section),
    ...text.map(paragraph),
    tableMarkup(`${title}, settings`, FACT_COLUMNS, factRows),
    tableMarkup(title, columns, [...rows, ...missing]),
    all.length > MOST_ROWS ? paragraph(`${all.length - MOST_ROWS} more are left out here.`) : "",
    ...notes.map((note) => `<p class="note">${escaped(note)}</p>`),
    callsMarkup(syscalls),
    "</section>",
  ]
    .filter((part) => part !== "")
    .join("\n");
}

function headMarkup({ topic, title, pointer = "" }: Section, number: number, request: WordsRequest): string {
  const { places, numbers } = request;
  const place = places[pointer];
  const asked = place === undefined ? "" : askedMarkup({ id: topic, pointer, place, numbers });
  const heading = `<h3 id="${topic}">${number}. ${escaped(title)}</h3>`;
  return `<div class="head">${heading}<div class="ask">${asked}</div></div>`;
}

/** The columns of a table that only the usual configuration has, from the keys of its rows. */
function defaultColumns([first]: readonly Row[]): readonly (readonly [string, string])[] {
  const keys = Object.keys(first ?? {}).filter((key) => !["pointer", "differs", "usually"].includes(key));
  return keys.map((key) => [key, key.toUpperCase()] as const);
}

function wholeMarkup({ differs }: Section): string {
  if (!isDifference(differs)) return "";
  return `<p class="whole ${differs}">${SIGNS[differs]} ${differs}: ${MEANINGS[differs]}</p>`;
}

function paragraph(text: string): string {
  return `<p>${escaped(text)}</p>`;
}

function tableMarkup(
  title: string,
  columns: readonly (readonly [key: string, title: string])[],
  rows: readonly string[],
): string {
  if (rows.length === 0) return "";
  const heads = columns.map(([, head]) => `<th scope="col">${escaped(sentenceCase(head))}</th>`).join("");
  const mark = '<th scope="col" class="mark"><span class="vh">Difference</span></th>';
  return [
    `<table><caption class="vh">${escaped(title)}</caption>`,
    `<thead><tr>${mark}${heads}<th scope="col" class="ask">In config.json</th></tr></thead>`,
    `<tbody>\n${rows.join("\n")}\n</tbody></table>`,
  ].join("\n");
}

/** `What it means` for the page, from `WHAT IT MEANS`, which is for terminals. */
function sentenceCase(title: string): string {
  const words = title.split(" ").map((word) => (word === word.toUpperCase() ? word.toLowerCase() : word));
  const [first = "", ...rest] = words.join(" ");
  return first.toUpperCase() + rest.join("");
}

function callsMarkup(calls: readonly ShownCall[]): string {
  if (calls.length === 0) return "";
  const lines = calls.map(({ number, by, call }) => `${String(number).padStart(4)}  ${by.padEnd(6)} ${call}`);
  const summary = `${calls.length} system call${calls.length === 1 ? "" : "s"}`;
  return `<details><summary>${summary}</summary><pre>${escapedLines(lines.join("\n"))}</pre></details>`;
}

/** The list of all sections, each with its number of differences. */
export function contents(sections: readonly Section[]): string {
  const items = sections.map((section) => {
    const [short = ""] = section.title.split(":");
    // Two sections about capabilities begin with the same word.
    const isFirst = sections.find(({ title }) => title.startsWith(`${short}:`)) === section;
    const counts = countsMarkup(countDifferences(section));
    const words = isFirst ? short : section.title;
    return `<li><a href="#${section.topic}">${escaped(words)}</a> ${counts}</li>`;
  });
  const isUsual = sections.every((section) => countsMarkup(countDifferences(section)) === "");
  const nothing = isUsual ? "<p>Here nothing differs.</p>\n" : "";
  return `${nothing}<nav aria-label="Steps"><ol>\n${items.join("\n")}\n</ol></nav>`;
}
