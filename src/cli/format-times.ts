// Formats the output of `explain --times`: a table that a person reads, or JSON. Pure.

import type { CallShare, Moment, Share, Times } from "../trace/times.ts";
import { columnsFor } from "./fit.ts";
import { visible } from "./log.ts";
import { readableJson } from "./readable-json.ts";

export interface TimesFormat {
  readonly json: boolean;
  /** Columns of the terminal; `undefined` if it is none. */
  readonly width: number | undefined;
}

/** How many rows of a table are shown. */
const MOST_ROWS = 16;
const GAP = "  ";

export function formatTimes(times: Times, { json, width }: TimesFormat): string {
  if (json) return readableJson(times);
  const { command, program, status, milliseconds, events, dropped } = times;
  const columns = columnsFor(width);
  const left = dropped === 0 ? "" : `; ${dropped} more were left out`;
  const parts = [
    [`${visible(command)} took ${milliseconds.toFixed(3)} ms`],
    [`${visible(program)}, exit status ${status}, ${events} events${left}`],
    [""],
    ...[table(["ms", "%", "tsrun itself"], times.own.map(shareRow), columns), [""]],
    ...[table(["ms", "%", "phase"], times.phases.map(shareRow), columns), [""]],
    ...[table(["ms", "%", "calls", "by, call, longest"], times.calls.map(callRow), columns), [""]],
    table(["ms", "%", "at ms", "longest"], times.longest.map(momentRow), columns),
  ];
  return `${parts.flat().join("\n")}\n`;
}

type Row = readonly string[];

const number = (value: number): string => value.toFixed(3);
const percent = (value: number): string => value.toFixed(1);

function shareRow({ name, milliseconds, share }: Share): Row {
  return [number(milliseconds), percent(share), name];
}

function callRow({ process, name, count, milliseconds, share, longest }: CallShare): Row {
  const what = longest.what === "" ? "" : ` ${longest.what}`;
  const most = count === 1 ? what : `, ${number(longest.milliseconds)}${what}`;
  return [number(milliseconds), percent(share), `${count}`, `${process}: ${name}${most}`];
}

function momentRow({ process, category, name, what, milliseconds, share, at }: Moment): Row {
  const who = category === "inside" || process !== "tsrun" ? `${process}: ` : "";
  return [number(milliseconds), percent(share), number(at), `${who}${name}${what === "" ? "" : ` ${what}`}`];
}

/** Numbers to the right, and the text behind them, cut where the terminal ends. */
function table(head: Row, rows: readonly Row[], columns: number): string[] {
  const shown = [head.map((cell) => cell.toUpperCase()), ...rows.slice(0, MOST_ROWS)];
  const last = head.length - 1;
  const widths = head.map((_, index) => Math.max(...shown.map((row) => (row[index] ?? "").length)));
  const lines = shown.map((row) => {
    const numbers = row.slice(0, last).map((cell, index) => cell.padStart(widths[index] ?? 0) + GAP);
    return cut(numbers.join("") + visible(row[last] ?? ""), columns);
  });
  const more = rows.length - MOST_ROWS;
  return more > 0 ? [...lines, `${more} more, in the output of --json`] : lines;
}

function cut(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, columns - 1)}…`;
}
