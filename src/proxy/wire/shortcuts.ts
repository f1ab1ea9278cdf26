// What the engine does for batch.ts and answer.ts, for most operations: their own loops would be a third of
// all that it has to interpret for a create. Each function stops at the first entry that it leaves to that
// loop, and returns its index (engine/native/operations.c). Absent in other hosts. Pure.

import type { Entry } from "./repeat.ts";

export const { writeOperations, readResults } = globalThis as {
  readonly writeOperations?: (
    entries: readonly Entry[],
    from: number,
    memory: ArrayBuffer,
    numbers: Readonly<Record<string, number>>,
    cursor: ArrayBuffer,
    base: number,
    batch: number,
  ) => number;
  readonly readResults?: (
    entries: readonly Entry[],
    from: number,
    memory: ArrayBufferLike,
    at: number,
  ) => number;
};
