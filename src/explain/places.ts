// Finds the lines of the configuration for each JSON pointer of an explanation. Pure; called by sources.ts.

import { type Extent, JsonPositions, type JsonText } from "../spec/json-positions.ts";
import { shorten } from "../spec/shorten.ts";
import type { Section, SourcePlace } from "./model.ts";

/** At most this many lines of a value are shown: a seccomp profile has lists of hundreds. */
const MOST_LINES = 12;
const LONGEST_LINE = 160;

/** The places by pointer; empty if the text is not JSON. */
export function placesOf(
  sections: readonly Section[],
  source: JsonText,
  isChanged: (pointer: string) => boolean = () => false,
): Record<string, SourcePlace> {
  const pointers = pointersOf(sections);
  const positions = JsonPositions.scan(source.text, pointers, source.file);
  const places: Record<string, SourcePlace> = {};
  if (!(positions instanceof JsonPositions)) return places;
  for (const pointer of pointers) {
    const [extent, found] = nearest(positions, pointer);
    if (extent === undefined) continue;
    places[pointer] = {
      ...placeOf(extent),
      ...(found === pointer ? {} : { absent: true }),
      ...(isChanged(pointer) ? { changed: true } : {}),
    };
  }
  return places;
}

/** Every pointer of the sections, once. */
function pointersOf(sections: readonly Section[]): string[] {
  const pointers = new Set<string>();
  for (const { pointer, facts = [], table, lacks = [] } of sections) {
    if (pointer !== undefined) pointers.add(pointer);
    for (const row of [...facts, ...(table?.rows ?? []), ...lacks]) {
      if (row.pointer !== undefined) pointers.add(row.pointer);
    }
  }
  return [...pointers];
}

/** The value at the pointer or, if it is absent, the nearest value that would contain it. */
function nearest(positions: JsonPositions, pointer: string): [Extent | undefined, string] {
  for (let at = pointer; ; at = at.slice(0, at.lastIndexOf("/"))) {
    const extent = positions.extent(at);
    if (extent !== undefined || at === "") return [extent, at];
  }
}

function placeOf({ from, to, text }: Extent): SourcePlace {
  // Split off only one line more than is shown: a document may have megabytes.
  const lines = text.split("\n", MOST_LINES + 1);
  const [first = "", ...rest] = lines;
  const indents = rest.filter((line) => line.trim() !== "").map((line) => line.search(/\S/));
  const common = indents.length === 0 ? 0 : Math.min(...indents);
  const shown = [first, ...rest.map((line) => line.slice(common))].map((line) =>
    shorten(line.trimEnd(), LONGEST_LINE),
  );
  const hidden = to.line - from.line + 1 - MOST_LINES;
  if (hidden > 0) shown.splice(MOST_LINES, 1, `… ${hidden} more lines`);
  return { line: from.line, column: from.column, lastLine: to.line, text: shown.join("\n") };
}
