// Random numbers that depend only on a seed, and random changes of bytes. Pure.

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 1;
  }

  /** A whole number from 0 to below `limit` (xorshift32). */
  below(limit: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state;
    return (state >>> 0) % Math.max(limit, 1);
  }

  of<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}

/** The longest input: short ones allow more tries. */
const LONGEST = 4096;
const DEEP = 1100;

interface Material {
  readonly random: Random;
  /** Other inputs, from which pieces are taken. */
  readonly others: readonly Uint8Array[];
  readonly words: readonly Uint8Array[];
}

function splice(bytes: Uint8Array, at: number, removed: number, added: Uint8Array): Uint8Array {
  const made = new Uint8Array(Math.min(bytes.length - removed + added.length, LONGEST));
  const pieces = [bytes.subarray(0, at), added, bytes.subarray(at + removed)];
  let end = 0;
  for (const piece of pieces) {
    const fits = piece.subarray(0, made.length - end);
    made.set(fits, end);
    end += fits.length;
  }
  return made;
}

function piece(bytes: Uint8Array, random: Random): Uint8Array {
  const from = random.below(bytes.length);
  return bytes.subarray(from, from + random.below(64));
}

const NONE = new Uint8Array(0);

const CHANGES: readonly ((bytes: Uint8Array, at: number, material: Material) => Uint8Array)[] = [
  (bytes, at, { random }) => splice(bytes, at, 1, new Uint8Array([random.below(256)])),
  (bytes, at, { random }) => splice(bytes, at, 0, new Uint8Array([random.below(256)])),
  (bytes, at, { random }) =>
    splice(bytes, at, 1, new Uint8Array([(bytes[at] ?? 0) ^ (1 << random.below(8))])),
  (bytes, at, { random }) => splice(bytes, at, Math.min(random.below(32), bytes.length - at), NONE),
  (bytes, at) => bytes.slice(0, at),
  (bytes, at, { random }) => splice(bytes, at, 0, piece(bytes, random)),
  (bytes, at, { random, others }) => splice(bytes, at, 0, piece(random.of(others), random)),
  (bytes, at, { random, words }) => splice(bytes, at, 0, random.of(words)),
  (bytes, at, { random, words }) =>
    splice(bytes, at, Math.min(random.below(16), bytes.length - at), random.of(words)),
  (bytes, at, { random, words }) => {
    const word = random.of(words);
    const times = random.below(10) === 0 ? DEEP : random.below(20);
    const many = new Uint8Array(Math.min(word.length * times, LONGEST));
    for (let end = 0; end + word.length <= many.length; end += word.length) many.set(word, end);
    return splice(bytes, at, 0, many);
  },
];

/** An input with one to eight changes. */
export function mutate(bytes: Uint8Array, material: Material): Uint8Array {
  const { random } = material;
  let made = bytes;
  for (let count = 1 + random.below(8); count > 0; count--) {
    made = random.of(CHANGES)(made, random.below(made.length + 1), material);
  }
  return made;
}
