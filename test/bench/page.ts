// README's table and docs/bench.md, from the results that are checked in. Pure.

import { table } from "../../scripts/conformance/report.ts";
import { type Block, type Figure, type Figures, ROWS, type Row } from "./results.ts";

/** The rows that README shows: those in which a host does one thing at a time. */
export const SHOWN: readonly Row[] = [
  "whole life",
  "create",
  "start",
  "state",
  "exec",
  "kill",
  "delete",
  "run",
  "100 mounts",
];

const BEGIN = "<!-- from here on: make bench-page -->\n";
const END = "<!-- to here -->\n";

const REST = `A whole life is \`create\`, \`start\`, the end of \`/bin/true\` and \`delete\`.
\`make bench N=40\` measures on your machine; the runtimes take turns, so that other load hits all of them.
[docs/bench.md](docs/bench.md) has the rest: cgroup v1, processor time, Docker's seccomp profile, busy
processors, many commands at once.
`;

const WORDS: Readonly<Partial<Record<Row, string>>> = {
  "whole life": "whole life (create, start, delete)",
  create: "`create`",
  start: "`start`",
  state: "`state`",
  exec: "`exec`",
  kill: "`kill`",
  delete: "`delete`",
  run: "`run`",
  "100 mounts": "`create` with 100 mounts",
  "20 execs at once": "20 `exec` at once",
  "10 lives at once": "10 whole lives at once",
  "list of 300": "`list` of 300 containers",
  "list -q of 300": "`list -q` of 300 containers",
};

const INTRODUCTION = `# How fast

The results of \`make bench\`, written by \`make bench-page\`; do not edit.
[testing.md](testing.md#the-bench) says how they are measured, and how to measure them on another machine.

All times are milliseconds: medians, and in parentheses the lower and the upper quartile. A multiple below 1
says that tsrun takes less. What it costs to start a process at all is in every figure. Processors' time is
that of the command and of all that it has waited for. With busy processors as many loops run beside as there
are processors.

On cgroup v1 a \`create\` of runc and crun that no start preceded waits some 10 ms for all processors, to move
another process; tsrun's first process moves itself.
`;

/** The block that README shows: v2, idle, without a profile; otherwise the first one. */
export function shownBlock(blocks: readonly Block[]): Block {
  const shown =
    blocks.find(({ cgroups, seccomp, busy }) => cgroups === "v2" && !seccomp && !busy) ?? blocks[0];
  if (shown === undefined) throw new Error("no results");
  return shown;
}

export function runtimesOf({ rows }: Block): string[] {
  return Object.keys(Object.values(rows)[0] ?? {});
}

/** README with the table of these results; unchanged if there are none. */
export function renewReadme(readme: string, blocks: readonly Block[]): string {
  const [before, after] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (before < 0 || after < before) throw new Error("README.md does not say where its table is to be");
  if (blocks.length === 0) return readme;
  const parts = [shortTable(shownBlock(blocks)), REST];
  return `${readme.slice(0, before)}${BEGIN}\n${parts.join("\n")}\n${readme.slice(after)}`;
}

function shortTable(block: Block): string {
  const runtimes = runtimesOf(block);
  const rows = SHOWN.flatMap((row) => {
    const figures = block.rows[row];
    return figures === undefined ? [] : [[wordsFor(row), ...runtimes.map((name) => wall(figures[name]))]];
  });
  const measured = `${settingOf(block)}; medians of ${block.rounds}, milliseconds:`;
  return `${measured}\n\n${table(["", ...runtimes], rows)}`;
}

/** docs/bench.md */
export function page(blocks: readonly Block[]): string {
  return [INTRODUCTION, ...blocks.map(section)].join("\n");
}

function section(block: Block): string {
  const runtimes = runtimesOf(block);
  const others = runtimes.slice(1).map((name) => `to ${name}`);
  const rows = ROWS.flatMap((row) => {
    const figures = block.rows[row];
    return figures === undefined ? [] : [[row, figures] as const];
  });
  const times = rows.map(([row, figures]) => [
    wordsFor(row),
    ...runtimes.map((name) => spread(figures[name])),
    ...ratios(runtimes, figures, (figure) => figure.wall),
  ]);
  const processors = rows.map(([row, figures]) => [
    wordsFor(row),
    ...runtimes.map((name) => shown(figures[name]?.processor)),
    ...ratios(runtimes, figures, (figure) => figure.processor),
  ]);
  const { nothing } = block;
  return [
    `## ${titleOf(block)}\n`,
    `${settingOf(block)}; ${block.rounds} rounds, ${block.date}. A program that does nothing takes ` +
      `${shown(nothing.wall)} ms, of processors ${shown(nothing.processor)} ms.\n`,
    table(["by the clock", ...runtimes, ...others], times),
    table(["of processors", ...runtimes, ...others], processors),
  ].join("\n");
}

export function titleOf({ cgroups, seccomp, busy }: Block): string {
  const profile = seccomp ? "with Docker's seccomp profile" : "without a seccomp profile";
  return `cgroup ${cgroups}, ${profile}, ${busy ? "busy processors" : "an idle machine"}`;
}

export function machineOf({ kernel, processor, processors, cgroups }: Block): string {
  const release = kernel.replace(/(\d+\.\d+)\S*/, "$1");
  return `${release}, cgroup ${cgroups}, ${processors} processors (${processor})`;
}

/** The runtimes and the machine, in one line. */
function settingOf(block: Block): string {
  const runtimes = Object.entries(block.versions).map(([name, version]) => `${name} ${version}`);
  return `${runtimes.join(", ")}; ${machineOf(block)}`;
}

export function wordsFor(row: Row): string {
  return WORDS[row] ?? row;
}

/** tsrun's figure as a multiple of each other runtime's. */
function ratios(
  [first = "", ...others]: readonly string[],
  figures: Figures,
  value: (figure: Figure) => number,
): string[] {
  return others.map((name) => {
    const [ours, theirs] = [figures[first], figures[name]];
    return ours === undefined || theirs === undefined ? "" : (value(ours) / value(theirs)).toFixed(2);
  });
}

function wall(figure: Figure | undefined): string {
  return shown(figure?.wall);
}

function spread(figure: Figure | undefined): string {
  if (figure === undefined) return "";
  return `${shown(figure.wall)} (${shown(figure.low)}–${shown(figure.high)})`;
}

/** Two decimals below 10; above, only as many as are reliable. */
function shown(value: number | undefined): string {
  if (value === undefined) return "";
  return value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
}
