// Reproducible random numbers for tests.

/** Numbers of 32 bits, determined by a seed, so that a failure can be repeated (mulberry32). */
export function randomWords(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** Whole numbers below a limit, determined by a seed. */
export function randomFrom(seed: number): (limit: number) => number {
  const word = randomWords(seed);
  return (limit) => word() % limit;
}
