// The first code that runs, when tsrun is built: it makes the engine a host, and runs the module level of all
// sources. What it leaves in memory is the snapshot that commands start from (engine/native/snapshot.c).

// First: others want a TextEncoder as soon as they are imported.
import "./engine/host/globals.ts";

import { watchJsonKeys } from "./engine/host/json-keys.ts";
import { makeProcess } from "./engine/host/process.ts";
import { fail, main } from "./main.ts";
import { keysBelow } from "./spec/known-keys.ts";

// Of the documents that callers write; the others are parts of this one.
watchJsonKeys(keysBelow("Spec"));

/** What a command begins with. */
function start(words: readonly string[], variables: readonly string[]): void {
  makeProcess(words, variables);
  main();
}

// Called by engine/native/program.c: `start` first, `fail` with what comes out of it.
Object.assign(globalThis, { start, fail });
