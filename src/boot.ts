// The first code that runs, when tsrun is built: it sets up the engine's globals, and runs the module level
// of all sources. The memory is then saved as the snapshot from which commands start
// (engine/native/snapshot.c).

// First: other modules make a TextEncoder when they are imported.
import "./engine/host/globals.ts";

import { watchJsonKeys } from "./engine/host/json-keys.ts";
import { makeProcess } from "./engine/host/process.ts";
import { fail, main } from "./main.ts";
import { keysBelow } from "./spec/known-keys.ts";

// The keys of config.json; the other documents that callers write are parts of it.
watchJsonKeys(keysBelow("Spec"));

/** The entry point of a command. */
function start(words: readonly string[]): void {
  makeProcess(words);
  main();
}

// Called by engine/native/program.c: first `start`, then `fail` with an error that leaves it.
Object.assign(globalThis, { start, fail });
