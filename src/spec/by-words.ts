// A memory for what is found out about lists of words: hundreds of mounts have the same few lists of options.
// Pure.

interface Known<Found> {
  readonly words: readonly string[];
  readonly found: Found;
}

/** Returns `find` with a memory: for the same words it returns the same object. */
export function byWords<Found extends object>(
  find: (words: readonly string[]) => Found,
): (words: readonly string[]) => Found {
  const all = new Map<string, Known<Found>>();
  return (words) => {
    const key = words.join();
    const known = all.get(key);
    if (known === undefined) {
      const found = find(words);
      all.set(key, { words, found });
      return found;
    }
    // Other words may have the same key, if there are commas in them.
    return areSame(words, known.words) ? known.found : find(words);
  };
}

function areSame(words: readonly string[], others: readonly string[]): boolean {
  if (words.length !== others.length) return false;
  for (let index = 0; index < words.length; index++) if (words[index] !== others[index]) return false;
  return true;
}
