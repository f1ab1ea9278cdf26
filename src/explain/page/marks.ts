// The signs and words for differences, so that colour is never the only sign. Pure.

import type { Difference, Section } from "../model.ts";

export const DIFFERENCES: readonly Difference[] = ["wider", "narrower", "other"];

export const SIGNS: Readonly<Record<Difference, string>> = { wider: "▲", narrower: "▼", other: "◆" };

export const MEANINGS: Readonly<Record<Difference, string>> = {
  wider: "it can reach more than by default",
  narrower: "it can reach less than by default",
  other: "something else than by default",
};

/** The class of an element, if it differs. */
export function markClass(differs: string | undefined): string {
  return isDifference(differs) ? ` class="${differs}"` : "";
}

export function isDifference(word: string | undefined): word is Difference {
  return word === "wider" || word === "narrower" || word === "other";
}

/** How many differences of each kind a section has. */
export function countDifferences(section: Section): Readonly<Record<Difference, number>> {
  const counts = { wider: 0, narrower: 0, other: 0 };
  const { differs, facts = [], table, lacks = [] } = section;
  const all = [differs, ...[...facts, ...(table?.rows ?? []), ...lacks].map((row) => row.differs)];
  for (const one of all) if (isDifference(one)) counts[one] += 1;
  return counts;
}

/** `▲ 2 ▼ 1`, with words for screen readers. */
export function countsMarkup(counts: Readonly<Record<Difference, number>>): string {
  return DIFFERENCES.filter((one) => counts[one] > 0)
    .map((one) => `<span class="${one}">${SIGNS[one]} ${counts[one]}<span class="vh"> ${one}</span></span>`)
    .join(" ");
}
