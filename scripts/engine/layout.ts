// Which blocks of the snapshot lie beside each other: those that commands use, as a build has watched it
// (watch.ts). docs/adr/0019-layout-by-use.md. Pure.

/** A block that is larger has pages of its own wherever it lies, of which a command uses few. */
const LARGEST = 16 << 10;

const WRITTEN = 2;

/** A block of the snapshot and what one command did with it: `struct block` of watch.c. */
export interface Block {
  readonly number: number;
  readonly size: number;
  readonly isWritten: boolean;
  /** When it was first used; 0 is never. */
  readonly first: number;
}

/** What watch.c tells of a command. */
export function readBlocks(told: Uint8Array): Block[] {
  const words = new Uint32Array(new Uint8Array(told).buffer);
  return Array.from({ length: words.length / 3 }, (_, number) => {
    const [size = 0, uses = 0, first = 0] = words.subarray(number * 3);
    return { number, size, isWritten: (uses & WRITTEN) !== 0, first };
  });
}

/**
 * The table for src/engine/native/layout.c: first what commands write to, since each page of that is copied,
 * in the order in which they first use it; then what they only read.
 */
export function layoutOf(commands: readonly (readonly Block[])[]): Uint8Array {
  const used = commands
    .map((blocks) => blocks.filter(({ first, size }) => first > 0 && size <= LARGEST))
    .map((blocks) => blocks.sort((a, b) => a.first - b.first));
  const written = used.map((blocks) => blocks.filter(({ isWritten }) => isWritten));
  // A Map keeps the first place of each number.
  const order = new Map([...written, ...used].flat().map(({ number, size }) => [number, size]));
  return new Uint8Array(Uint32Array.from([...order].flat()).buffer);
}
