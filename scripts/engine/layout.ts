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
 * Of several runs of one command, the one that has used least: where two processes race, now and then one has
 * to wait once more, and only adds something.
 */
export function plainest(runs: readonly (readonly Block[])[]): readonly Block[] {
  const uses = (run: readonly Block[]) =>
    run.reduce((sum, { first, isWritten }) => sum + (first > 0 ? 1 : 0) + (isWritten ? 1 : 0), 0);
  return runs.reduce((least, run) => (uses(run) < uses(least) ? run : least));
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

/** SHA-256 of a program's bytecode, which a layout begins with. */
const DIGEST_SIZE = 32;

/** A table as a file: by what it begins with, another build knows whether the table is of its program. */
export function layoutFile(program: Uint8Array, table: Uint8Array): Uint8Array {
  const file = new Uint8Array(DIGEST_SIZE + table.length);
  file.set(program);
  file.set(table, DIGEST_SIZE);
  return file;
}

/** The table in a file; `undefined` if that is the layout of another program than `program`. */
export function tableOf(file: Uint8Array, program: Uint8Array): Uint8Array | undefined {
  const isSame = program.every((byte, index) => file[index] === byte);
  return isSame ? file.subarray(DIGEST_SIZE) : undefined;
}
