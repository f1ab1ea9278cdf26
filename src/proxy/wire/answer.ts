// Reads the answer to a batch. Pure.

import type { Operation } from "../calls/operation.ts";
import type { EncodedBatch } from "./batch.ts";
import { HEADER_SIZE, isErrno, NOT_DONE_HIGH, OPERATION_SIZE, RESULT_OFFSET } from "./protocol.ts";
import { type Entry, madeOf } from "./repeat.ts";
import { readResults } from "./shortcuts.ts";

/**
 * Fills in the results of a batch that was answered, and returns the operation that stopped it: the first one
 * that failed and was not allowed to. Of the repeats, only the one that stopped the batch is made into
 * operations: nobody asks for the results of the others.
 */
export function decode(
  entries: readonly Entry[],
  batch: EncodedBatch,
  reply: Uint8Array,
): Operation | undefined {
  const words = new Uint32Array(reply.buffer, reply.byteOffset, reply.byteLength >> 2);
  const step = OPERATION_SIZE >> 2;
  let at = (HEADER_SIZE + RESULT_OFFSET) >> 2;
  // Whether the last operation was not carried out, or failed.
  const stopped = (words[at + (batch.count - 1) * step + 1] ?? 0) !== 0;
  for (let index = 0; index < entries.length; index++) {
    if (readResults !== undefined && entries[index]?.kind === "operation") {
      const next = readResults(entries, index, reply.buffer, reply.byteOffset + at * 4);
      at += (next - index) * step;
      index = next;
      if (index === entries.length) break;
    }
    const entry = entries[index] as Entry;
    if (entry.kind === "operation") {
      entry.result = words[at + 1] === 0 ? words[at] : resultIn(words, at);
      at += step;
      continue;
    }
    const { operations } = entry.like;
    if (
      stopped &&
      operations.some(({ goOn }, number) => isFailure(resultIn(words, at + number * step), goOn))
    ) {
      madeOf(entry).forEach((one, number) => {
        one.result = resultIn(words, at + number * step);
      });
    }
    at += operations.length * step;
  }
  for (const { out, offset } of batch.outs) out.bytes = reply.slice(offset, offset + out.size);
  return stopped ? failureOf(entries) : undefined;
}

function resultIn(words: Uint32Array, at: number): number | undefined {
  const low = words[at] ?? 0;
  const high = words[at + 1] ?? 0;
  if (high === 0) return low;
  return high === NOT_DONE_HIGH ? undefined : (high | 0) * 2 ** 32 + low;
}

/** A repeat that failed has been made into operations. */
export function failureOf(entries: readonly Entry[]): Operation | undefined {
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index] as Entry;
    if (entry.kind === "operation") {
      const { result } = entry;
      if (result !== undefined && result < 0 && isFailure(result, entry.goOn)) return entry;
    } else if (entry.made !== undefined) {
      const failed = entry.made.find(({ result, goOn }) => isFailure(result, goOn));
      if (failed !== undefined) return failed;
    }
  }
  return undefined;
}

function isFailure(result: number | undefined, goOn: true | undefined): boolean {
  return result !== undefined && result < 0 && goOn !== true && isErrno(result);
}
