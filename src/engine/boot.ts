// The first code that runs: it makes the engine a host, and loads the program.

import "./globals.ts";
import { loadChunk } from "./chunks.ts";

Object.assign(globalThis, { loadChunk });

/** src/main.ts: the build puts it first. */
const MAIN = 0;

await loadChunk(MAIN);
