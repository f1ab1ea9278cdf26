// Finds the valid word nearest to a misspelt one. Called to word the faults of a configuration, and for names
// of files, which a container may have chosen so that comparing them takes long.

/** Cells of the tables of `editDistance`, about: comparing is given up after these. */
const MOST_CELLS = 1_000_000;

/** The candidate that `word` was most probably meant to be; `undefined` if none is near. */
export function nearestWord(word: string, candidates: readonly string[]): string | undefined {
  const prefix = commonPrefix(candidates);
  const given = withoutPrefix(word.toLowerCase(), prefix.toLowerCase());
  let best: string | undefined;
  // Allow one error in a short word, and one for every three letters of a long one: more would suggest words
  // that nobody meant.
  let bestDistance = Math.min(4, Math.max(1, Math.floor(given.length / 3))) + 1;
  let cells = 0;
  for (const candidate of candidates) {
    const other = candidate.slice(prefix.length).toLowerCase();
    // Each missing or additional letter is an error: compute nothing for a word that is far too long.
    if (Math.abs(other.length - given.length) >= bestDistance) continue;
    cells += given.length * 2 * bestDistance;
    if (cells > MOST_CELLS) break;
    const distance = editDistance(given, other, bestDistance);
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

/**
 * Damerau and Levenshtein's distance: letters inserted, deleted, replaced, or two neighbours swapped. Returns
 * any number from `limit` on if it is not below that: only cells of the table that are nearer to its diagonal
 * are computed, and no row after one that has none below it. The lengths differ by less than `limit`.
 */
function editDistance(a: string, b: string, limit: number): number {
  const rows = [0, 1, 2].map(() => new Array<number>(b.length + 2).fill(limit)) as Rows;
  let [beforePrevious, previous, row] = rows;
  for (let j = 0; j <= b.length && j < limit; j++) previous[j] = j;
  for (let i = 1; i <= a.length; i++) {
    const letter = a.charCodeAt(i - 1);
    const from = Math.max(1, i - limit + 1);
    const to = Math.min(b.length, i + limit - 1);
    let least = i;
    row[from - 1] = from === 1 ? i : limit;
    for (let j = from; j <= to; j++) {
      const other = b.charCodeAt(j - 1);
      const exchange = at(previous, j - 1) + (letter === other ? 0 : 1);
      let cost = Math.min(exchange, at(previous, j) + 1, at(row, j - 1) + 1);
      if (i > 1 && j > 1 && letter === b.charCodeAt(j - 2) && a.charCodeAt(i - 2) === other) {
        cost = Math.min(cost, at(beforePrevious, j - 2) + 1);
      }
      row[j] = cost;
      least = Math.min(least, cost);
    }
    if (least >= limit) return limit;
    [beforePrevious, previous, row] = [previous, row, beforePrevious];
  }
  return at(previous, b.length);
}

type Rows = [number[], number[], number[]];

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
