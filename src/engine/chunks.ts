// Loads the parts of the program. The bundler cuts it into chunks, and the build makes of each a function
// that returns what the chunk exports (scripts/engine/chunks.ts): where a source says `import("./x.ts")`,
// the program says `loadChunk(7)`. To read bytecode is most of what a command's start costs, so no
// command reads more than it runs, and what the common commands always run is one piece of bytecode, a
// set.

import { callLong } from "native";
import { addressAt, CHUNKS, CONTEXT, JS_STD_EVAL_BINARY } from "./constants.ts";
import { readMemory } from "./memory.ts";

/** For each chunk the numbers of all that it imports, and its own, as text: a command looks at four. */
declare const CHUNKS_NEEDED: readonly string[];
/** Names of the commands whose sets stand behind the chunks, in their order. */
declare const SETS: readonly string[];

type Exports = Readonly<Record<string, unknown>>;

/** Module-level names for what the build writes in, so that it is made once. */
const needed = CHUNKS_NEEDED;
const sets = SETS;
/** Address and length of each piece of bytecode. */
const table = new DataView(readMemory(CHUNKS, (needed.length + sets.length) * 16).buffer);

const functions: Record<number, () => Exports> = {};
const loaded: Record<number, Exports> = {};

/** What every piece of bytecode calls with the chunks in it. */
export function defineChunks(more: Readonly<Record<number, () => Exports>>): void {
  Object.assign(functions, more);
}

/** What a chunk exports; its bytecode has been read. */
export function chunk(number: number): Exports {
  const known = loaded[number];
  if (known !== undefined) return known;
  const make = functions[number];
  if (make === undefined) throw new Error(`chunk ${number} has not been read`);
  const made = make();
  loaded[number] = made;
  return made;
}

/** What `import()` is in a source. */
export function loadChunk(number: number): Exports {
  const numbers = (needed[number] ?? "").split(" ");
  for (let index = 0; index < numbers.length; index++) {
    const one = Number(numbers[index]);
    if (functions[one] === undefined) run(one);
  }
  return chunk(number);
}

/**
 * Reads the set of a command, if it has one. Any word may be given: a set is no more than chunks that
 * will not have to be read one by one.
 */
export function loadSet(command: string): void {
  const set = sets.indexOf(command);
  if (set >= 0) run(needed.length + set);
}

function run(piece: number): void {
  const at = piece * 2;
  callLong(JS_STD_EVAL_BINARY, CONTEXT, addressAt(table, at), addressAt(table, at + 1), 0);
}
