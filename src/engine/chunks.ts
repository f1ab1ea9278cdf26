// The parts of the program. The bundler cuts it into chunks, and the build makes of each a function that
// returns what the chunk exports (scripts/engine/chunks.ts): where a source says `import("./x.ts")`, the
// program says `chunk(7)`. All of them have run when tsrun is built.

export type Exports = Readonly<Record<string, unknown>>;

const functions: (() => Exports)[] = [];
const made: Exports[] = [];

/** What a chunk exports. */
export function chunk(number: number): Exports {
  const known = made[number];
  if (known !== undefined) return known;
  const make = functions[number];
  if (make === undefined) throw new Error(`there is no chunk ${number}`);
  const exports = make();
  made[number] = exports;
  return exports;
}

/** Runs the module level of all chunks. */
export function runChunks(all: Readonly<Record<number, () => Exports>>): void {
  Object.assign(functions, all);
  for (let number = 0; number < functions.length; number++) chunk(number);
}
