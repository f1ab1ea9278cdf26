// The first code that runs: it makes the engine a host, and loads the program.

import * as native from "native";
import { chunk, defineChunks, loadChunk, loadSet } from "./chunks.ts";
import { CONTEXT, JS_GET_RUNTIME, JS_SET_GC_THRESHOLD } from "./constants.ts";
import { makeGlobals } from "./globals.ts";

/**
 * From how many bytes on the engine looks for circles of objects; all else is freed with its last
 * reference. Most commands end long before. By itself it would look six times while a program is loaded.
 */
const COLLECT_FROM = 32 << 20;

/** src/main.ts: the build puts it first. */
const MAIN = 0;

native.callLong(JS_SET_GC_THRESHOLD, native.callLong(JS_GET_RUNTIME, CONTEXT), COLLECT_FROM);
const words = makeGlobals();
Object.assign(globalThis, { native, chunk, defineChunks, loadChunk });
// Options that take a value are rare in front of the command; then its chunks are read one by one.
loadSet(words.find((word) => !word.startsWith("-")) ?? "");
loadChunk(MAIN);
