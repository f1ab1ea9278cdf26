// Lays a page of help out for the width of a terminal. Pure.

import { wrap } from "./wrap.ts";

/** Where nobody says how wide it is; also the most, since longer lines are hard to read. */
const MOST_WIDTH = 110;
/** Narrower than this, columns of options are not readable any more. */
const LEAST_WIDTH = 50;

/** The columns of a page, for a terminal of this width if it is one. */
export function columnsFor(width: number | undefined): number {
  return Math.max(LEAST_WIDTH, Math.min(MOST_WIDTH, width ?? MOST_WIDTH));
}

/**
 * The text laid out for a narrower terminal. Lines with the indentation of a description are a paragraph, and
 * are filled anew; headings and examples, which are indented further, keep their lines.
 */
export function fitted(text: string, width: number | undefined): string {
  const columns = columnsFor(width);
  return runsOf(text.split("\n"))
    .flatMap((run) => {
      if (run.every((line) => line.length <= columns)) return run;
      const indent = indentOf(run[0] ?? "");
      if (indent.length > DESCRIPTION) return run.flatMap((line) => wrapIndented(line, columns));
      const words = run.map((line) => line.trim()).join(" ");
      return wrap(words, columns - indent.length).map((line) => indent + line);
    })
    .join("\n");
}

/** Columns before the words of a description. */
const DESCRIPTION = 3;

const indentOf = (line: string): string => /^ */.exec(line)?.[0] ?? "";

/** Neighbours with the same indentation; an empty line, and a heading, stand alone. */
function runsOf(lines: readonly string[]): string[][] {
  const runs: string[][] = [];
  let open: string[] | undefined;
  for (const line of lines) {
    const isAlone = line === "" || /^ *[A-Z ]+:$/.test(line);
    const isNext = open !== undefined && !isAlone && indentOf(open[0] ?? "") === indentOf(line);
    if (isNext) open?.push(line);
    else runs.push([line]);
    open = isAlone ? undefined : runs.at(-1);
  }
  return runs;
}

/** One line; what does not fit goes on below it, four columns further in. */
function wrapIndented(line: string, columns: number): string[] {
  if (line.length <= columns) return [line];
  const indent = indentOf(line);
  const [first = "", ...rest] = wrap(line.trim(), columns - indent.length - 4);
  return [indent + first, ...rest.map((one) => `${indent}    ${one}`)];
}
