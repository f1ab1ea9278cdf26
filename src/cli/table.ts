// Columns of text as runc's `list` prints them: Go's text/tabwriter with minimum width 12, padding 3. Pure.

const MIN_WIDTH = 12;
const PADDING = 3;

/** The rows as lines. Each column is as wide as its widest cell; the last one is not padded. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(MIN_WIDTH, ...rows.map((row) => (row[column] ?? "").length + PADDING)),
  );
  return rows
    .map((row) => row.map((cell, column) => pad(cell, column < row.length - 1 ? widths[column] : 0)).join(""))
    .map((line) => `${line}\n`)
    .join("");
}

function pad(cell: string, width = 0): string {
  return cell.padEnd(width);
}
