// The container as a picture, from outside to inside: the host, the control group with its limits, the
// namespaces, the tree of mounts, and the process with its privileges. Each part is a link to its words.
// Pure.

import type { Explanation, Row, Section } from "../model.ts";
import { shellWords } from "../model.ts";
import { escaped, fitted } from "./markup.ts";
import { drawMounts } from "./mount-tree.ts";
import { drawPrivileges } from "./privileges.ts";
import type { Numbers } from "./row.ts";
import { type Box, type Drawn, frame, line, link, SIGN, sign, stack } from "./svg.ts";

const WIDTH = 380;
const TILES = 4;
const TILE_HEIGHT = 35;
/** The picture shows at most this many limits; the table has all. */
const MOST_LIMITS = 10;

export function picture({ sections, command }: Explanation, numbers: Numbers): string {
  const find = (topic: string): Section | undefined => sections.find((one) => one.topic === topic);
  const { svg, bottom } = frame(
    { x: 0.5, y: 0.5, width: WIDTH - 1 },
    { title: "The host", kind: "host" },
    (box) =>
      stack(box, [
        (at) =>
          frame(at, { title: "Control group: how much it may use", kind: "group" }, (inside) =>
            stack(inside, [
              (part) => limits(part, find("limits"), numbers),
              (part) =>
                frame(part, { title: "Namespaces: what it sees", kind: "sees" }, (room) =>
                  stack(room, [
                    (place) => namespaces(place, find("namespaces"), numbers),
                    (place) => files(place, sections, numbers),
                    (place) =>
                      frame(place, { title: "Process: what it may do", kind: "process" }, (innermost) =>
                        stack(innermost, [
                          (last) => drawPrivileges(last, sections, numbers),
                          (last) => program(last, command, numbers),
                        ]),
                      ),
                  ]),
                ),
            ]),
          ),
        (at) => outside(at, sections, numbers),
      ]),
  );
  const height = Math.ceil(bottom - 7);
  return (
    `<svg class="picture" viewBox="0 0 ${WIDTH} ${height}" role="group" aria-labelledby="picture-title" ` +
    `xmlns="http://www.w3.org/2000/svg">\n${svg}</svg>`
  );
}

function limits(box: Box, section: Section | undefined, numbers: Numbers): Drawn {
  const rows = section?.table?.rows ?? [];
  if (section === undefined || rows.length === 0) {
    const to = section === undefined ? "cgroup" : "limits";
    const left = section === undefined ? "no control group" : "no limits";
    return padded(line(box, { left, to, differs: section === undefined ? "wider" : undefined, numbers }));
  }
  const shown = rows.slice(0, rows.length > MOST_LIMITS ? MOST_LIMITS - 1 : MOST_LIMITS);
  const more = rows.length - shown.length;
  return padded(
    stack(box, [
      ...shown.map((row, index) => (at: Box) => {
        const { limit = "", value = "" } = row;
        const left = limit.replace(/, (both in )?(µs|\d+ being usual)$/, "");
        const right = /\((.*)\)$/.exec(value)?.[1] ?? value;
        return line(at, { left, right, to: `limits-${index}`, differs: row.differs, numbers });
      }),
      ...(more === 0
        ? []
        : [(at: Box) => line(at, { left: `and ${more} more`, to: "limits", differs: undefined, numbers })]),
    ]),
  );
}

function padded({ svg, bottom }: Drawn): Drawn {
  return { svg, bottom: bottom + 5 };
}

const FROM: Readonly<Record<string, string>> = { new: "its own", host: "the host's", joined: "joined" };

/** A tile for each namespace: filled if it is the container's own, an outline if it is the host's. */
function namespaces({ x, y, width }: Box, section: Section | undefined, numbers: Numbers): Drawn {
  const rows = section?.table?.rows ?? [];
  const pitch = (width + 5) / TILES;
  const tiles = rows.map((row, index) => {
    const left = x + (index % TILES) * pitch;
    const top = y + Math.floor(index / TILES) * (TILE_HEIGHT + 5);
    return tile({ row, left, top, width: pitch - 5, to: `namespaces-${index}`, numbers });
  });
  const height = Math.ceil(rows.length / TILES) * (TILE_HEIGHT + 5);
  return { svg: tiles.join(""), bottom: y + height + 4 };
}

interface TileRequest {
  readonly row: Row;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly to: string;
  readonly numbers: Numbers;
}

function tile({ row, left, top, width, to, numbers }: TileRequest): string {
  const { namespace = "", from = "", differs } = row;
  const place = `x="${left.toFixed(2)}" y="${top}" width="${width.toFixed(2)}" height="${TILE_HEIGHT}"`;
  const texts =
    `<text class="name" x="${(left + 6).toFixed(2)}" y="${top + 15}">${escaped(namespace)} </text>` +
    `<text class="value" x="${(left + 6).toFixed(2)}" y="${top + 28}">${escaped(FROM[from] ?? from)}</text>`;
  const mark = sign(differs, left + width - 4, top + 14);
  return link(
    { to, differs, numbers },
    `<rect class="hit tile ${escaped(from)}" ${place} rx="4"/>${texts}${mark}`,
  );
}

function files(box: Box, sections: readonly Section[], numbers: Numbers): Drawn {
  const find = (topic: string): Section | undefined => sections.find((one) => one.topic === topic);
  const [mounts, root, devices, paths] = ["mounts", "root", "devices", "paths"].map(find);
  const facts = root?.facts ?? [];
  const rootIndex = facts.findIndex(({ name }) => name === "root");
  const nodes = devices?.table?.rows ?? [];
  const own = nodes.filter(({ pointer }) => pointer !== undefined);
  const closed = paths?.table?.rows ?? [];
  const open = paths?.lacks ?? [];
  return frame(box, { title: "Files: its tree of mounts", kind: "files" }, (inside) =>
    padded(
      stack(inside, [
        (at) =>
          line(at, {
            left: "/",
            right: `root file system, ${facts[rootIndex]?.value ?? ""}`,
            to: `root-fact-${rootIndex}`,
            differs: facts[rootIndex]?.differs,
            numbers,
          }),
        ...(mounts === undefined ? [] : [(at: Box) => drawMounts(at, mounts, numbers)]),
        (at) =>
          line(at, {
            left: "devices",
            right:
              devices?.table === undefined
                ? "the host's"
                : deviceWords(nodes.length - own.length, own.length),
            to: "devices",
            differs: devices?.differs ?? own.find((row) => row.differs !== undefined)?.differs,
            numbers,
          }),
        (at) =>
          line(at, {
            left: "closed paths",
            right: `${closed.length}`,
            to: paths === undefined ? "root" : "paths",
            differs: open[0]?.differs ?? closed.find((row) => row.differs !== undefined)?.differs,
            numbers,
          }),
      ]),
    ),
  );
}

function deviceWords(usual: number, more: number): string {
  return more === 0 ? `${usual} usual` : `${usual} usual, ${more} more`;
}

function program({ x, y, width }: Box, command: readonly string[], numbers: Numbers): Drawn {
  const words = fitted(`$ ${shellWords(command)}`, Math.floor((width - 16) / SIGN));
  const svg =
    `<rect class="hit program" x="${x}" y="${y + 3}" width="${width}" height="26" rx="4"/>` +
    `<text class="command" x="${x + 8}" y="${y + 20}">${escaped(words)}</text>`;
  return { svg: link({ to: "command-fact-0", differs: undefined, numbers }, svg), bottom: y + 30 };
}

/** What is outside the container's frame: hooks, network devices that were taken from the host, caches. */
function outside(box: Box, sections: readonly Section[], numbers: Numbers): Drawn {
  const parts = [
    ["hooks", "hooks"],
    ["network-devices", "network devices"],
    ["rdt", "lines for caches"],
  ].flatMap(([topic = "", words = ""]) => {
    const rows = sections.find((one) => one.topic === topic)?.table?.rows ?? [];
    const [first] = rows;
    if (first === undefined) return [];
    return [
      (at: Box): Drawn =>
        line(at, { left: words, right: `${rows.length}`, to: topic, differs: first.differs, numbers }),
    ];
  });
  return stack(box, parts);
}
