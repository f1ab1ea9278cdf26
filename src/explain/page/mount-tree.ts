// The container's mounts as a tree: each below the nearest mount that its path leads through. Pure.

import type { Row, Section } from "../model.ts";
import type { Numbers } from "./row.ts";
import { type Box, type Drawn, line } from "./svg.ts";

/** The picture shows at most this many mounts, and prefers those that differ; the table has all. */
const MOST_DRAWN = 36;
const STEP = 12;
const DEEPEST = 6;

export interface TreeNode {
  /** The id of its row. */
  readonly id: string;
  readonly row: Row;
  /** Its path, relative to that of its parent. */
  readonly name: string;
  readonly depth: number;
  /** The index of the node above it; -1 below the root. */
  readonly parent: number;
}

/** The nodes in the order of their paths. */
export function mountTree(section: Section): TreeNode[] {
  const rows = (section.table?.rows ?? []).map((row, index) => ({ row, id: `${section.topic}-${index}` }));
  const chosen = rows.length <= MOST_DRAWN ? rows : mostTelling(rows);
  const sorted = chosen
    .map((one) => ({ ...one, parts: partsOf(one.row) }))
    .sort((a, b) => compareParts(a.parts, b.parts));
  const nodes: TreeNode[] = [];
  const open: { readonly parts: readonly string[]; readonly index: number }[] = [];
  for (const { row, id, parts } of sorted) {
    while (open.length > 0 && !contains(open.at(-1)?.parts ?? [], parts)) open.pop();
    const above = open.at(-1);
    const name = parts.slice(above?.parts.length ?? 0).join("/");
    const shown = above === undefined ? `/${name}` : name === "" ? "the same place" : name;
    nodes.push({ id, row, name: shown, depth: open.length + 1, parent: above?.index ?? -1 });
    open.push({ parts, index: nodes.length - 1 });
  }
  return nodes;
}

function mostTelling<One extends { readonly row: Row }>(rows: readonly One[]): readonly One[] {
  const differing = rows.filter(({ row }) => row.differs !== undefined);
  return [...differing, ...rows.filter(({ row }) => row.differs === undefined)].slice(0, MOST_DRAWN);
}

function partsOf({ destination = "" }: Row): readonly string[] {
  return destination.split("/").filter((part) => part !== "");
}

function compareParts(a: readonly string[], b: readonly string[]): number {
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const [one = "", other = ""] = [a[index], b[index]];
    if (one !== other) return one < other ? -1 : 1;
  }
  return a.length - b.length;
}

function contains(above: readonly string[], below: readonly string[]): boolean {
  return above.length <= below.length && above.every((part, index) => part === below[index]);
}

export function drawMounts(box: Box, section: Section, numbers: Numbers): Drawn {
  const nodes = mountTree(section);
  let [svg, branches] = ["", ""];
  const bottoms: number[] = [];
  let y = box.y;
  for (const { id, row, name, depth, parent } of nodes) {
    const indent = Math.min(depth, DEEPEST) * STEP;
    const from = parent < 0 ? box.y : (bottoms[parent] ?? y);
    const stem = box.x + indent - 4;
    branches += `M${stem} ${from - 3}V${y + 9}h6`;
    const drawn = line(
      { ...box, y },
      { left: name, right: kindOf(row), indent, to: id, differs: row.differs, numbers },
    );
    svg += drawn.svg;
    y = drawn.bottom;
    bottoms.push(y);
  }
  // Drawn last, above the coloured lines.
  if (branches !== "") svg += `<path class="branch" d="${branches}"/>\n`;
  const more = (section.table?.rows.length ?? 0) - nodes.length;
  if (more <= 0) return { svg, bottom: y };
  const rest = line(
    { ...box, y },
    { left: `and ${more} more`, indent: STEP, to: section.topic, differs: undefined, numbers },
  );
  return { svg: svg + rest.svg, bottom: rest.bottom };
}

/** `tmpfs`, `host:/srv/data ro` */
export function kindOf({ what = "", flags = "", note = "" }: Row): string {
  const kind = what.replace(/^new (\S+).*/s, "$1").replace(/^the host's /, "host:");
  const isReadonly = flags.split(",").includes("ro") || note.includes("ro when all is in place");
  return isReadonly ? `${kind} ro` : kind;
}
