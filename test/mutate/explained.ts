// Changes that no test has to notice, each with the reason. They are identified by the text of the line, so
// that they are recognised when it moves.

import { readFileSync } from "node:fs";
import type { Change } from "./change.ts";

export const EXPLAINED_FILE = "test/mutate/explained.json";

export interface Explanation {
  readonly path: string;
  /** The line without surrounding spaces. */
  readonly text: string;
  /** The change; if absent, every change of the line. */
  readonly what?: string;
  readonly why: string;
}

export function readExplanations(): Explanation[] {
  return JSON.parse(readFileSync(EXPLAINED_FILE, "utf8"));
}

export function explanationOf(change: Change, explanations: readonly Explanation[]): Explanation | undefined {
  return explanations.find(
    ({ path, text, what }) =>
      path === change.path && text === change.text && (what === undefined || what === change.what),
  );
}
