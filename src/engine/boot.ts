// The first code that runs, when tsrun is built: it makes the engine a host, and runs the module level of the
// program. What it leaves in memory is the snapshot that commands start from (scripts/engine/program.ts).

import * as native from "native";
import { chunk, type Exports, runChunks } from "./chunks.ts";
import { makeGlobals, makeProcess } from "./globals.ts";

/** src/main.ts: the build puts it first. */
const MAIN = 0;

/** What the bytecode of the program calls. */
function runProgram(chunks: Readonly<Record<number, () => Exports>>): void {
  runChunks(chunks);
}

/** What a command begins with. */
function start(words: readonly string[]): void {
  makeProcess(words);
  (chunk(MAIN) as { main: () => void }).main();
}

makeGlobals();
Object.assign(globalThis, { native, chunk, runProgram, start });
