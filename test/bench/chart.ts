// Makes docs/bench.svg: README's table as bars. Its colours follow the reader's choice of light or dark.
// Pure.

import { machineOf, runtimesOf, SHOWN, shownBlock } from "./page.ts";
import type { Block, Figures, Row } from "./results.ts";

const WIDTH = 760;
/** Where names of rows end and bars begin, and the length of the longest bar. */
const LEFT = 150;
const LONGEST = 530;
const BAR = 13;
const GAP = 14;
const TOP = 78;
const MARGIN = 20;

/** tsrun's colour stands out from the others'; all are visible on both backgrounds. */
const COLOURS = ["#2f81f7", "#8b949e", "#d29922"];

const STYLE = `
  text { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; }
  .title { font-size: 16px; font-weight: 600; }
  .small { font-size: 11px; fill: #59636e; }
  .ground { fill: #ffffff; stroke: #d1d9e0; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .small { fill: #9198a1; }
    .ground { fill: #0d1117; stroke: #3d444d; }
  }
`;

export function chart(blocks: readonly Block[]): string {
  const block = shownBlock(blocks);
  const runtimes = runtimesOf(block);
  const rows = SHOWN.flatMap((row) => {
    const figures = block.rows[row];
    return figures === undefined ? [] : [[row, figures] as const];
  });
  const longest = Math.max(
    ...rows.flatMap(([, figures]) => Object.values(figures).map((figure) => figure.wall)),
  );
  const height = TOP + rows.length * (runtimes.length * BAR + GAP) + MARGIN;
  const foot = escaped(`${machineOf(block)}; medians of ${block.rounds}`);
  const title = "Milliseconds of each command: shorter is faster";
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" ` +
      `height="${height}" role="img" aria-label="${title}">`,
    `<style>${STYLE}</style>`,
    `<rect class="ground" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>`,
    `<text class="title" x="${MARGIN}" y="28">${title}</text>`,
    ...legend(runtimes, block),
    ...rows.flatMap(([row, figures], index) =>
      bars({
        row,
        figures,
        runtimes,
        scale: LONGEST / longest,
        top: TOP + index * (runtimes.length * BAR + GAP),
      }),
    ),
    `<text class="small" x="${MARGIN}" y="${height - 10}">${foot}</text>`,
    "</svg>\n",
  ].join("\n");
}

function legend(runtimes: readonly string[], { versions }: Block): string[] {
  return runtimes.map((name, index) => {
    const x = MARGIN + index * 190;
    const [version = ""] = (versions[name] ?? "").split(" ");
    const words = escaped(`${name} ${version}`);
    const square = `<rect x="${x}" y="44" width="12" height="12" rx="2" fill="${COLOURS[index]}"/>`;
    return `${square}<text x="${x + 18}" y="55">${words}</text>`;
  });
}

interface Bars {
  readonly row: Row;
  readonly figures: Figures;
  readonly runtimes: readonly string[];
  /** The length of a millisecond. */
  readonly scale: number;
  readonly top: number;
}

function bars({ row, figures, runtimes, scale, top }: Bars): string[] {
  const middle = top + (runtimes.length * BAR) / 2 + 4;
  return [
    `<text x="${LEFT - 10}" y="${middle}" text-anchor="end">${escaped(row)}</text>`,
    ...runtimes.flatMap((name, index) => {
      const figure = figures[name];
      if (figure === undefined) return [];
      const y = top + index * BAR;
      const width = Math.max(1, figure.wall * scale).toFixed(1);
      const end = (LEFT + Number(width) + 6).toFixed(1);
      return [
        `<rect x="${LEFT}" y="${y}" width="${width}" height="${BAR - 2}" rx="2" fill="${COLOURS[index]}"/>`,
        `<text class="small" x="${end}" y="${y + BAR - 3}">${figure.wall.toFixed(1)}</text>`,
      ];
    }),
  ];
}

function escaped(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
