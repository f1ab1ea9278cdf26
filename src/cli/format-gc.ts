// Formats the output of `gc`: a table that a person reads, or JSON. Pure.

import type { Found, GcReport, Removed } from "../gc/model.ts";
import { columnsFor } from "./fit.ts";
import { visible } from "./log.ts";
import { readableJson } from "./readable-json.ts";
import { wrap } from "./wrap.ts";

export interface GcFormat {
  readonly json: boolean;
  /** Columns of the terminal; `undefined` if it is none. */
  readonly width: number | undefined;
}

/** Before what was found: two spaces, its kind, and two more. */
const INDENT = 16;

export function formatGc(report: GcReport, { json, width }: GcFormat): string {
  if (json) return readableJson(report);
  const columns = columnsFor(width);
  const { garbage, kept, removes } = report;
  const parts = [
    ...(garbage.length === 0 ? [] : [part(removes ? "Removed" : "Garbage", garbage.map(told), columns)]),
    ...(kept.length === 0 ? [] : [part("Not touched", kept, columns)]),
    `${summary(report)}\n`,
  ];
  return parts.join("\n");
}

/** Adds what became of it. */
function told({ failure, isKept = false, ...found }: Removed): Found {
  if (failure !== undefined) return { ...found, why: `NOT removed: ${failure}` };
  return isKept ? { ...found, why: "not removed: it is not garbage any more" } : found;
}

function part(title: string, lines: readonly Found[], columns: number): string {
  return `${title}\n${lines.map((line) => shown(line, columns)).join("")}`;
}

function shown({ kind, what, why }: Found, columns: number): string {
  const indent = " ".repeat(INDENT);
  const lines = [what, why].flatMap((text) => {
    return wrap(visible(text), columns - INDENT).map((line) => indent + line);
  });
  const [first = "", ...rest] = lines;
  return [`  ${kind}`.padEnd(INDENT) + first.slice(INDENT), ...rest].map((line) => `${line}\n`).join("");
}

function summary({ garbage, removes }: GcReport): string {
  const gone = garbage.filter(({ failure, isKept }) => failure === undefined && isKept !== true).length;
  if (garbage.length === 0) return "No garbage.";
  const things = `${garbage.length} ${garbage.length === 1 ? "thing" : "things"}`;
  if (removes) return `${gone} of ${things} removed.`;
  return `${things} can be removed: gc --yes.`;
}
