// Columns of text as runc's `list` prints them: Go's text/tabwriter with minimum width 12, padding 3. Pure.

const MIN_WIDTH = 12;
const PADDING = 3;

/** The rows as lines. Each column is as wide as its widest cell; the last one is not padded. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = widthsOf(rows);
  let text = "";
  for (const row of rows) {
    const last = row.length - 1;
    for (let column = 0; column < last; column++) text += (row[column] ?? "").padEnd(widths[column] ?? 0);
    text += `${row[last] ?? ""}\n`;
  }
  return text;
}

/** Of each column. */
function widthsOf(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (let column = 0; column < row.length; column++) {
      widths[column] = Math.max(widths[column] ?? MIN_WIDTH, (row[column] ?? "").length + PADDING);
    }
  }
  return widths;
}
