// Loads the parts of tsrun that only some commands need. The build compiles each to bytecode of its own
// (scripts/build.ts) and writes `loadChunk(7)` where the source says `import("./x.ts")`. To read bytecode is
// most of what a command's start costs, so no command reads more than it runs.

import { callLong } from "native";
import { CHUNKS, CONTEXT, JS_STD_EVAL_BINARY } from "./constants.ts";
import { readAddress } from "./memory.ts";

/** Names of the chunks, and the numbers of those that each of them imports. */
declare const CHUNK_NAMES: readonly string[];
declare const CHUNK_IMPORTS: readonly (readonly number[])[];

const LOAD_ONLY = 1;
const loaded = new Set<number>();

/** Makes a chunk and all that it imports known to the engine under their names; nothing of them runs yet. */
function read(chunk: number): void {
  if (loaded.has(chunk)) return;
  loaded.add(chunk);
  for (const imported of CHUNK_IMPORTS[chunk] ?? []) read(imported);
  const entry = CHUNKS + chunk * 16;
  callLong(JS_STD_EVAL_BINARY, CONTEXT, readAddress(entry), readAddress(entry + 8), LOAD_ONLY);
}

/** What `import()` is in a source. */
export function loadChunk(chunk: number): Promise<unknown> {
  read(chunk);
  return import(`./${CHUNK_NAMES[chunk]}`);
}
