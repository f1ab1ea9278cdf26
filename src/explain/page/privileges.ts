// Draws who the container's process is and what it may do: lines, and a square for each capability. Pure.

import type { Row, Section } from "../model.ts";
import type { Numbers } from "./row.ts";
import { type Box, type Drawn, line, link, stack } from "./svg.ts";

const IN_A_ROW = 21;

type Part = (box: Box) => Drawn;

export function drawPrivileges(box: Box, sections: readonly Section[], numbers: Numbers): Drawn {
  const find = (topic: string): Section | undefined => sections.find((one) => one.topic === topic);
  const identity = find("identity");
  const rows: Part[] = (identity?.table?.rows ?? []).flatMap((row, index) =>
    DRAWN.has(row.what ?? "")
      ? [
          (at: Box): Drawn =>
            line(at, {
              left: row.what ?? "",
              right: (row.becomes ?? "").split(":")[0] ?? "",
              to: `identity-${index}`,
              differs: row.differs,
              numbers,
            }),
        ]
      : [],
  );
  const seccomp = find("seccomp");
  const limits = find("rlimits");
  return stack(box, [
    ...rows,
    ...(seccomp === undefined ? [] : [(at: Box): Drawn => seccompLine(at, seccomp, numbers)]),
    ...(limits?.table === undefined ? [] : [(at: Box): Drawn => limitsLine(at, limits, numbers)]),
    (at) => capabilities(at, find("capabilities"), find("dropped-capabilities"), numbers),
  ]);
}

/** The rows of `identity` that are drawn; the others are only in the table. */
const DRAWN = new Set(["user", "no_new_privs", "AppArmor", "SELinux"]);

function seccompLine(box: Box, { topic, table, differs, facts = [] }: Section, numbers: Numbers): Drawn {
  const count = (table?.rows ?? []).reduce((sum, { calls = "" }) => sum + calls.split(" ").length, 0);
  const right = table === undefined ? "no filter" : `${count} named; others: ${facts[0]?.value ?? ""}`;
  const to = table === undefined ? topic : `${topic}-fact-0`;
  return line(box, { left: "seccomp", right, to, differs, numbers });
}

function limitsLine(box: Box, { topic, table }: Section, numbers: Numbers): Drawn {
  const rows = table?.rows ?? [];
  const names = rows.map(({ name = "" }) => name.replace("RLIMIT_", "").toLowerCase());
  const differs = rows.find((row) => row.differs !== undefined)?.differs;
  return line(box, { left: "rlimits", right: names.join(" "), to: topic, differs, numbers });
}

interface Cell {
  readonly row: Row;
  readonly id: string;
  readonly isKept: boolean;
}

/** A square for each capability: filled if it is kept. */
function capabilities(
  { x, y, width }: Box,
  kept: Section | undefined,
  dropped: Section | undefined,
  numbers: Numbers,
): Drawn {
  const cellsOf = (section: Section | undefined, isKept: boolean): Cell[] =>
    (section?.table?.rows ?? []).map((row, index) => ({ row, id: `${section?.topic}-${index}`, isKept }));
  const cells = [...cellsOf(kept, true), ...cellsOf(dropped, false)];
  const count = cells.filter(({ isKept }) => isKept).length;
  const title = line(
    { x, y, width },
    {
      left: "capabilities",
      right: `${count} of ${cells.length}`,
      to: "capabilities",
      differs: undefined,
      numbers,
    },
  );
  const pitch = (width - 8) / IN_A_ROW;
  const squares = cells.map(({ row, id, isKept }, index) => {
    const left = x + 5 + (index % IN_A_ROW) * pitch;
    const top = title.bottom + 2 + Math.floor(index / IN_A_ROW) * pitch;
    const size = pitch - 3;
    const [across, down, side] = [left, top, size].map((one) => one.toFixed(1));
    const place = `x="${across}" y="${down}" width="${side}" height="${side}"`;
    const square = `<rect class="cell ${isKept ? "kept" : "dropped"}" ${place} rx="2"/>`;
    const label = `${row.name ?? ""}, ${isKept ? "kept" : "dropped"}`;
    const notch = row.differs === undefined ? "" : inner(left, top, size, row.differs);
    return link({ to: id, differs: row.differs, numbers, pointerOnly: true, label }, square + notch);
  });
  const height = Math.ceil(cells.length / IN_A_ROW) * pitch;
  return { svg: title.svg + squares.join(""), bottom: Math.ceil(title.bottom + height + 3) };
}

/** A sign besides the colour for a capability that differs: a plus if it is gained, otherwise a stroke. */
function inner(left: number, top: number, size: number, differs: string): string {
  const [middle, low] = [left + size / 2, top + size / 2];
  const [a, b] = [(size / 4).toFixed(1), (size / 2).toFixed(1)];
  const upright = differs === "wider" ? `M${middle.toFixed(1)} ${(top + size / 4).toFixed(1)}v${b}` : "";
  return `<path class="notch" d="M${(left + Number(a)).toFixed(1)} ${low.toFixed(1)}h${b}${upright}"/>`;
}
