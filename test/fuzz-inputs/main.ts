// `make fuzz-inputs`: odd documents for every command that reads one. Arguments: --inputs N, --seed S, and
// --only I for one of them again. Ends with a line of counts, and with 1 when an input was answered by
// anything but one clear line, or left anything.

import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { enterArena, removeForgotten } from "./arena.ts";
import { batchesOf, runBatch } from "./batch.ts";
import { Trial } from "./trial.ts";

const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "5000" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
  },
});

const JOBS = values.only === undefined ? Math.min(2, availableParallelism()) : 1;
const PROGRESS = 500;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** The part of the inputs that is this arena's. */
function tryPart(part: number): number {
  const [seed, inputs] = [Number(values.seed), Number(values.inputs)];
  const first = Math.floor((inputs * part) / JOBS);
  const after = Math.floor((inputs * (part + 1)) / JOBS);
  const only = values.only === undefined ? undefined : Number(values.only);
  const batches = only === undefined ? batchesOf(first, after) : batchesOf(only, only + 1);
  const trial = new Trial();
  let [tried, failed] = [0, 0];
  for (const batch of batches) {
    for (const found of runBatch(trial, { seed, batch, whole: only !== undefined })) {
      failed++;
      print(found);
    }
    const before = tried;
    tried += batch.length;
    const isLast = batch === batches.at(-1);
    if (isLast || Math.floor(before / PROGRESS) < Math.floor(tried / PROGRESS)) {
      print(`arena ${part}: ${tried} of ${after - first} inputs, ${failed} failed`);
    }
  }
  return failed === 0 ? 0 : 1;
}

async function main(): Promise<number> {
  const arena = process.env.FUZZ_ARENA;
  if (arena !== undefined) return tryPart(Number(arena));
  removeForgotten();
  const parts = Array.from({ length: JOBS }, (_, part) => enterArena(part, process.argv.slice(1)));
  const failed = (await Promise.all(parts)).some((status) => status !== 0);
  print(
    failed ? "some inputs failed" : `${values.only === undefined ? values.inputs : 1} inputs, none failed`,
  );
  return failed ? 1 : 0;
}

process.exitCode = await main();
