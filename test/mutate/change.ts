// One small change to a source, and its identity. Pure.

import { createHash } from "node:crypto";

export interface Change {
  /** The path of the file, from the root of the repository. */
  readonly path: string;
  /** Counted from 1. */
  readonly line: number;
  /** The text of the line without surrounding spaces: it identifies the change when other lines move. */
  readonly text: string;
  /** The change to the line, in words. */
  readonly what: string;
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
}

/** A hash of a text, the same on every machine. */
function rank(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/**
 * Chooses changes at random: lines in the order of their ranks, and from each line the change with the lowest
 * rank. A rank depends only on the line's text, so an edit elsewhere does not alter the choice.
 */
export function inRandomOrder(changes: readonly Change[], seed: string): Change[] {
  const ranked = changes.map((change) => {
    const { path, text, what, replacement } = change;
    const line = `${path}:${change.line}`;
    return {
      change,
      line,
      lineRank: rank(`${seed} ${path} ${text}`),
      rank: rank(`${seed} ${what} ${replacement}`),
    };
  });
  const best = new Map<string, (typeof ranked)[number]>();
  for (const one of ranked) {
    const known = best.get(one.line);
    if (known === undefined || one.rank < known.rank) best.set(one.line, one);
  }
  return [...best.values()]
    .sort((a, b) =>
      a.lineRank < b.lineRank ? -1 : a.lineRank > b.lineRank ? 1 : a.change.line - b.change.line,
    )
    .map(({ change }) => change);
}

export function applied(source: string, { start, end, replacement }: Change): string {
  return source.slice(0, start) + replacement + source.slice(end);
}

export function describe({ path, line, what }: Change): string {
  return `${path}:${line}: ${what}`;
}

/** The same for the same change, wherever the line stands. */
export function keyOf({ path, text, what }: Change): string {
  return `${path}: ${text}: ${what}`;
}
