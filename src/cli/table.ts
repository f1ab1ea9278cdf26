// Columns of text as runc's `list` prints them: Go's text/tabwriter with minimum width 12, padding 3. Pure.

const MIN_WIDTH = 12;
const PADDING = 3;

/** The rows as lines. Each column is as wide as its widest cell; the last one is not padded. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = widthsOf(rows);
  const lines: string[] = [];
  for (const row of rows) {
    const last = row.length - 1;
    let line = "";
    for (let column = 0; column < last; column++) {
      line += (row[column] as string).padEnd(widths[column] as number);
    }
    lines.push(`${line}${row[last] ?? ""}\n`);
  }
  return lines.join("");
}

/** Of each column. */
function widthsOf(rows: readonly (readonly string[])[]): number[] {
  const widths = (rows[0] ?? []).map(() => MIN_WIDTH);
  for (const row of rows) {
    for (let column = 0; column < row.length; column++) {
      const width = (row[column] as string).length + PADDING;
      if (width > (widths[column] as number)) widths[column] = width;
    }
  }
  return widths;
}
