// `make fuzz-inputs`: odd documents for every command that reads one. Arguments: --inputs N, --seed S, and
// --only I for one of them again. Ends with a line of counts, and with 1 when an input was answered by
// anything but one clear line, or left anything.

import { parseArgs } from "node:util";
import { randomFrom } from "../support/random.ts";
import { enterArena } from "./arena.ts";
import { KINDS, type Kind, Trial } from "./trial.ts";

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const { values } = parseArgs({
  options: {
    inputs: { type: "string", default: "5000" },
    seed: { type: "string", default: "1" },
    only: { type: "string" },
  },
});

/** As much of a document as is printed; `ONLY=` makes it again. */
const SHOWN = values.only === undefined ? 300 : 100_000;

/** As large as makes every input's own seed different from its neighbours'. */
const STRIDE = 7919;

function tryAll(): number {
  const [seed, inputs] = [Number(values.seed), Number(values.inputs)];
  const only = values.only === undefined ? undefined : Number(values.only);
  const trial = new Trial();
  const counts = new Map<Kind, number>();
  let failed = 0;
  for (let index = only ?? 0; index < (only === undefined ? inputs : only + 1); index++) {
    const random = randomFrom(seed * STRIDE + index);
    const kind = KINDS[index % KINDS.length] ?? "validate";
    const { faults, input, said } = trial.run(kind, random);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    if (faults.length === 0) continue;
    failed++;
    print(`input ${index} of seed ${seed}, ${kind}: ${faults.join("; ")}`);
    print(`  said: ${JSON.stringify(said.slice(0, 600))}`);
    print(`  again: make fuzz-inputs SEED=${seed} ONLY=${index}`);
    print(`  begins: ${JSON.stringify(input.subarray(0, SHOWN).toString("latin1"))}`);
  }
  trial.close();
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const parts = [...counts].map(([kind, count]) => `${count} ${kind}`);
  print(`${total} inputs (${parts.join(", ")}), ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

function main(): number {
  if (process.env.FUZZ_ARENA === "inside") return tryAll();
  return enterArena(process.argv.slice(1));
}

process.exitCode = main();
