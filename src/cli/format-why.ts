// Formats the output of `why`: paragraphs that a person reads, or JSON. Pure.

import type { Finding, Report, Weight } from "../why/model.ts";
import type { Stuck } from "../why/why.ts";
import { columnsFor } from "./fit.ts";
import { visible } from "./log.ts";
import { readableJson } from "./readable-json.ts";
import { wrap } from "./wrap.ts";

export interface WhyFormat {
  readonly json: boolean;
  /** Columns of the terminal; `undefined` if it is none. */
  readonly width: number | undefined;
}

const WEIGHTS: Readonly<Record<Weight, string>> = { note: "note", waits: "waits", wrong: "WRONG" };
/** Before the words of a finding: two spaces, its weight, and one more. */
const INDENT = 8;

export function formatWhy(report: Report, { json, width }: WhyFormat): string {
  if (json) return readableJson(report);
  return shown(report, columnsFor(width));
}

export function formatStuck(stuck: Stuck, { json, width }: WhyFormat): string {
  if (json) return readableJson(stuck);
  const columns = columnsFor(width);
  const { looked, reports } = stuck;
  const all = `${looked} container${looked === 1 ? "" : "s"}`;
  if (reports.length === 0) return `Nothing hangs: ${all} looked at.\n`;
  const parts = reports.map((report) => shown(report, columns));
  const verb = reports.length === 1 ? "hangs or waits" : "hang or wait";
  return `${parts.join("\n")}\n${reports.length} of ${all} ${verb}.\n`;
}

function shown({ id, words, findings }: Report, columns: number): string {
  const head = wrap(visible(`${id} ${words}`), columns - 2).map((line, at) =>
    at === 0 ? line : `  ${line}`,
  );
  const rest = findings.map((finding) => paragraph(finding, columns));
  if (findings.length === 0) rest.push(`${" ".repeat(INDENT)}nothing wrong seen\n`);
  return `${head.join("\n")}\n${rest.join("")}`;
}

function paragraph({ weight, words, details = [], next }: Finding, columns: number): string {
  const texts = [words, ...details, ...(next === undefined ? [] : [`next: ${next}`])];
  const lines = texts.flatMap((text, index) => {
    const indent = " ".repeat(index === 0 ? INDENT : INDENT + 2);
    return wrap(visible(text), columns - indent.length).map((line) => indent + line);
  });
  const [first = "", ...others] = lines;
  const mark = `  ${WEIGHTS[weight]}`.padEnd(INDENT);
  return [mark + first.slice(INDENT), ...others].map((line) => `${line}\n`).join("");
}
