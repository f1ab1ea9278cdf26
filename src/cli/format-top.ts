// Lays out the table of `top` for the width of a terminal, or as a line of JSON. Pure.

import type { Usage } from "../container/top.ts";
import { inUnits } from "../explain/model.ts";
import { visible } from "./log.ts";

interface Column {
  readonly title: string;
  readonly cell: (usage: Usage) => string;
  /** Numbers stand at the right. */
  readonly right?: true;
}

const NONE = "-";

const COLUMNS: readonly Column[] = [
  { title: "ID", cell: ({ id }) => visible(id) },
  { title: "STATUS", cell: ({ status }) => status },
  { title: "CPU %", right: true, cell: ({ cpuPercent }) => cpuPercent?.toFixed(1) ?? NONE },
  { title: "MEMORY", right: true, cell: ({ memory }) => bytes(memory) },
  { title: "LIMIT", right: true, cell: ({ memoryLimit }) => bytes(memoryLimit) },
  { title: "PIDS", right: true, cell: pidsOf },
  { title: "READ/S", right: true, cell: ({ readRate }) => bytes(readRate) },
  { title: "WRITE/S", right: true, cell: ({ writeRate }) => bytes(writeRate) },
  { title: "PSI-CPU", right: true, cell: ({ pressure }) => percent(pressure?.cpu) },
  { title: "PSI-MEM", right: true, cell: ({ pressure }) => percent(pressure?.memory) },
  { title: "PSI-IO", right: true, cell: ({ pressure }) => percent(pressure?.io) },
];
const GAP = 2;
/** An id is cut before any other cell, but not below this. */
const LEAST_ID = 8;

function bytes(value: number | undefined): string {
  if (value === undefined) return NONE;
  return inUnits(value)?.replace(" ", "") ?? `${Math.round(value)}B`;
}

const percent = (value: number | undefined): string => value?.toFixed(1) ?? NONE;

function pidsOf({ pids, pidsLimit }: Usage): string {
  if (pids === undefined) return NONE;
  return pidsLimit === undefined ? String(pids) : `${pids}/${pidsLimit}`;
}

/** The busiest first; then by memory, and by id. */
function ranked(usage: readonly Usage[]): Usage[] {
  return [...usage].sort(
    (one, other) =>
      (other.cpuPercent ?? -1) - (one.cpuPercent ?? -1) ||
      (other.memory ?? -1) - (one.memory ?? -1) ||
      (one.id < other.id ? -1 : 1),
  );
}

/** The lines of the table: a heading, and one for each container. Columns that do not fit are left out. */
export function tableOf(usage: readonly Usage[], columns: number): string[] {
  const rows = ranked(usage).map((one) => COLUMNS.map(({ cell }) => cell(one)));
  const widths = COLUMNS.map(({ title }, at) => {
    return Math.max(title.length, ...rows.map((row) => (row[at] ?? "").length));
  });
  const others = widths.slice(1);
  // As many columns as fit beside an id that is cut.
  let count = others.length;
  const sum = () => others.slice(0, count).reduce((all, width) => all + width + GAP, 0);
  while (count > 2 && LEAST_ID + sum() > columns) count--;
  const id = Math.max(LEAST_ID, Math.min(widths[0] ?? LEAST_ID, columns - sum()));
  const shown = [id, ...others.slice(0, count)];
  const line = (cells: readonly string[]) =>
    shown
      .map((width, at) => (COLUMNS[at]?.right === true ? right(cells[at], width) : left(cells[at], width)))
      .join(" ".repeat(GAP))
      .trimEnd();
  return [line(COLUMNS.map(({ title }) => title)), ...rows.map(line)];
}

const right = (cell = "", width: number): string => cell.padStart(width);

function left(cell = "", width: number): string {
  return (cell.length > width ? `${cell.slice(0, width - 1)}…` : cell).padEnd(width);
}

export interface PageOptions {
  readonly rows: number;
  readonly columns: number;
  readonly interval: string;
}

/** A page of a terminal: what it is, and as much of the table as there is room for. */
export function pageOf(usage: readonly Usage[], { rows, columns, interval }: PageOptions): string[] {
  const count = `${usage.length} container${usage.length === 1 ? "" : "s"}`;
  const head = `${count}, every ${interval}; q ends`.slice(0, columns);
  const table = tableOf(usage, columns);
  const room = Math.max(1, rows - 2);
  if (table.length <= room) return [head, "", ...table];
  const rest = table.length - room + 1;
  return [head, "", ...table.slice(0, room - 1), `and ${rest} more`.slice(0, columns)];
}

/** For another program: one line for each look. */
export function lineOf(usage: readonly Usage[], time: Date): string {
  return `${JSON.stringify({ time: time.toISOString(), containers: usage })}\n`;
}
