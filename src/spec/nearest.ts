// Finds the valid word nearest to a misspelt one. Called to word the faults of a configuration.

/** The candidate that `word` was most probably meant to be; `undefined` if none is near. */
export function nearestWord(word: string, candidates: readonly string[]): string | undefined {
  const prefix = commonPrefix(candidates);
  const given = withoutPrefix(word.toLowerCase(), prefix.toLowerCase());
  let best: string | undefined;
  // Allow one error in a short word, and one for every three letters of a long one: more would suggest words
  // that nobody meant.
  let bestDistance = Math.min(4, Math.max(1, Math.floor(given.length / 3))) + 1;
  for (const candidate of candidates) {
    // Each missing or additional letter is an error: compute nothing for a word that is far too long.
    if (Math.abs(candidate.length - prefix.length - given.length) >= bestDistance) continue;
    const distance = editDistance(given, candidate.slice(prefix.length).toLowerCase());
    if (distance >= bestDistance) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best;
}

/** The common prefix of all words, up to a `_`: `SCMP_ACT_` does not tell which action was meant. */
function commonPrefix(words: readonly string[]): string {
  const [first = "", ...others] = words;
  let length = others.length === 0 ? 0 : first.length;
  for (const word of others) {
    while (!word.startsWith(first.slice(0, length))) length--;
  }
  return first.slice(0, first.lastIndexOf("_", length - 1) + 1);
}

/** Drops the prefix: `SYS_ADMIN` counts as `CAP_SYS_ADMIN`. */
function withoutPrefix(word: string, prefix: string): string {
  return word.startsWith(prefix) ? word.slice(prefix.length) : word;
}

/** Damerau and Levenshtein's distance: letters inserted, deleted, replaced, or two neighbours swapped. */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const exchange = at(previous, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let cost = Math.min(exchange, at(previous, j) + 1, at(row, j - 1) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, at(beforePrevious, j - 2) + 1);
      }
      row.push(cost);
    }
    beforePrevious = previous;
    previous = row;
  }
  return at(previous, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
