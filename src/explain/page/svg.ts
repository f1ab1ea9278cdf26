// Parts of the picture: frames with a title, and lines of text that are links to the rows of the words.
// Lengths are in the picture's units, which are pixels on a narrow screen. Pure.

import { isDifference, SIGNS } from "./marks.ts";
import { columnsOf, escaped, fitted } from "./markup.ts";
import type { Numbers } from "./row.ts";

/** The width of a character of the monospaced font at 11 units. */
export const SIGN = 6.63;
export const LINE = 19;

export interface Drawn {
  readonly svg: string;
  /** Where the next part may begin. */
  readonly bottom: number;
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

/** A frame around what `inside` draws. `inside` gets the room in the frame. */
export function frame(
  { x, y, width }: Box,
  { title, kind }: { readonly title: string; readonly kind: string },
  inside: (box: Box) => Drawn,
): Drawn {
  const { svg, bottom } = inside({ x: x + 8, y: y + 24, width: width - 16 });
  const height = bottom + 8 - y;
  return {
    svg:
      `<rect class="frame ${kind}" x="${x}" y="${y}" width="${width}" height="${height}" rx="7"/>` +
      `<text class="title" x="${x + 9}" y="${y + 16}">${escaped(title)}</text>\n${svg}`,
    bottom: bottom + 16,
  };
}

/** Several drawings, one below the other. */
export function stack(box: Box, parts: readonly ((box: Box) => Drawn)[]): Drawn {
  let [svg, y] = ["", box.y];
  for (const part of parts) {
    const drawn = part({ ...box, y });
    svg += drawn.svg;
    y = drawn.bottom;
  }
  return { svg, bottom: y };
}

export interface LinkRequest {
  /** The id of the row or section that it leads to. */
  readonly to: string;
  readonly differs: string | undefined;
  readonly numbers: Numbers;
  /** Whether the Tab key passes it over; its row in the table can be reached by keyboard. */
  readonly pointerOnly?: boolean;
  readonly label?: string;
}

/** A link in the picture. The link with the id `p7` shows the box of lines with the id `t7`. */
export function link({ to, differs, numbers, pointerOnly = false, label }: LinkRequest, svg: string): string {
  const number = numbers.of(to);
  const kind = isDifference(differs) ? ` ${differs}` : "";
  const extra = pointerOnly ? ' tabindex="-1"' : "";
  const name = label === undefined ? "" : ` aria-label="${escaped(label)}"`;
  return `<a id="p${number}" class="it${kind}" href="#${to}"${extra}${name}>${svg}</a>\n`;
}

/** The sign of a difference; empty if the row does not differ. */
export function sign(differs: string | undefined, x: number, y: number): string {
  if (!isDifference(differs)) return "";
  return `<text class="sign" x="${x}" y="${y}" text-anchor="end">${SIGNS[differs]}</text>`;
}

export interface LineRequest extends LinkRequest {
  readonly left: string;
  readonly right?: string;
  /** How far the left text is from the edge. */
  readonly indent?: number;
}

/** A line with a text at the left and one at the right. Both are shortened so that they do not touch. */
export function line(box: Box, { left, right = "", indent = 0, ...request }: LineRequest): Drawn {
  const { x, y, width } = box;
  const room = Math.floor((width - indent - 26) / SIGN);
  const leftRoom = right === "" ? room : Math.max(Math.ceil(room * 0.42), room - columnsOf(right) - 2);
  const shownLeft = fitted(left, leftRoom);
  const shownRight = fitted(right, Math.max(room - columnsOf(shownLeft) - 2, 4));
  const base = y + 13;
  const texts = [
    `<rect class="hit" x="${x}" y="${y}" width="${width}" height="${LINE - 1}" rx="3"/>`,
    `<text class="name" x="${x + 5 + indent}" y="${base}">${escaped(shownLeft)}</text>`,
    right === ""
      ? ""
      : `<text class="value" x="${x + width - 17}" y="${base}" text-anchor="end">` +
        `${escaped(shownRight)}</text>`,
    sign(request.differs, x + width - 4, base),
  ];
  return { svg: link(request, texts.join("")), bottom: y + LINE };
}
