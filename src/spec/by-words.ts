// A memory for what is found out about lists of words: hundreds of mounts have the same few lists of options.
// Pure.

interface Known<Found> {
  readonly count: number;
  readonly found: Found;
}

/** Returns `find` with a memory: for the same words it returns the same object. */
export function byWords<Found extends object>(
  find: (words: readonly string[]) => Found,
): (words: readonly string[]) => Found {
  const all = new Map<string, Known<Found>>();
  return (words) => {
    const key = words.join("\0");
    const known = all.get(key);
    // The known words have no NUL. So an equal key with as many words has none either: they are the same.
    if (known?.count === words.length) return known.found;
    const found = find(words);
    if (!words.some((word) => word.includes("\0"))) all.set(key, { count: words.length, found });
    return found;
  };
}
