// Finds the line and the column of an offset in a text. Pure; called by json-positions.ts.

/** Line and column, both from 1; the column counts characters. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Where the lines of a text begin; found once, when the first position is needed. */
export class TextLines {
  readonly #text: string;
  #starts: number[] | undefined;
  /** Where the last position was, and how many surrogate pairs are before it in its line. */
  #last = { line: -1, offset: 0, pairs: 0 };

  constructor(text: string) {
    this.#text = text;
  }

  position(offset: number): Position {
    this.#starts ??= lineStarts(this.#text);
    const starts = this.#starts;
    let [line, after] = [0, starts.length];
    while (after - line > 1) {
      const middle = (line + after) >> 1;
      if ((starts[middle] ?? 0) <= offset) line = middle;
      else after = middle;
    }
    // A document of megabytes may be one line, with a hundred thousand positions in it: go on from the last.
    const last = this.#last;
    const known = last.line === line && last.offset <= offset ? last : undefined;
    const from = known?.offset ?? starts[line] ?? 0;
    const pairs = (known?.pairs ?? 0) + pairsIn(this.#text, from, offset);
    this.#last = { line, offset, pairs };
    return { line: line + 1, column: offset - (starts[line] ?? 0) - pairs + 1 };
  }
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", end + 1)) starts.push(end + 1);
  return starts;
}

function pairsIn(text: string, from: number, to: number): number {
  return text.slice(from, to).match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0;
}
