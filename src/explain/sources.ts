// Adds to an explanation what only `--json` and `--html` show: where the configuration asks for each thing,
// and what differs from the usual configuration. Pure; called by explain.ts.

import type { JsonText } from "../spec/json-positions.ts";
import { compareSections } from "./compare.ts";
import type { Explanation, Section } from "./model.ts";
import { placesOf } from "./places.ts";

export interface ShownSource {
  /** The name of the file. */
  readonly file: string;
  readonly source: JsonText;
  /** Whether `update` has changed the setting at this pointer. */
  readonly isChanged?: (pointer: string) => boolean;
}

export function withSources(
  explanation: Explanation,
  usual: readonly Section[],
  { file, source, isChanged }: ShownSource,
): Explanation {
  const sections = compareSections(explanation.sections, usual);
  return { ...explanation, sections, sources: { file, places: placesOf(sections, source, isChanged) } };
}
