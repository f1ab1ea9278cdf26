// What `make bench` shows of the results: one table for each set of conditions.

import { type Block, type Figure, ROWS } from "./results.ts";

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Prints the medians of each runtime, and the first one's as a multiple of each other's. */
export function printBlock(block: Block, peers: readonly string[]): void {
  const { cgroups, seccomp, busy, rounds, nothing } = block;
  const profile = seccomp ? "Docker's profile" : "no profile";
  print(`\ncgroup ${cgroups}, ${profile}, ${busy ? "all processors busy" : "idle"}; ${rounds} rounds`);
  print(`to start a process that does nothing: ${nothing.wall} ms, of processors ${nothing.processor} ms`);
  printTable("median ms", block, peers, ({ wall }) => wall);
  printTable("processor ms", block, peers, ({ processor }) => processor);
}

function printTable(
  title: string,
  { rows }: Block,
  peers: readonly string[],
  value: (figure: Figure) => number,
): void {
  const [first = "", ...others] = peers;
  printLine(title, [...peers, ...others.map((name) => `${first}/${name}`)]);
  for (const row of ROWS) {
    const figures = rows[row];
    if (figures === undefined) continue;
    const values = peers.map((name) => (figures[name] ? value(figures[name]) : Number.NaN));
    const ratios = values.slice(1).map((other) => `${((values[0] ?? Number.NaN) / other).toFixed(2)}x`);
    printLine(row, [...values.map((one) => one.toFixed(2)), ...ratios]);
  }
}

function printLine(head: string, cells: readonly string[]): void {
  print([head.padEnd(18), ...cells.map((cell) => cell.padStart(11))].join(""));
}
