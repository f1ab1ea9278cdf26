// Tries a batch of inputs of one kind. It looks for leftovers once, after the last input; if there are any,
// it tries each input again alone to find out which one left them.

import { randomFrom } from "../support/random.ts";
import { KINDS, type Kind, type Trial, type Tried } from "./trial.ts";

/** A container is made once for a batch of `exec` or `update`. */
const SIZE = 10;

/** Large enough that neighbouring inputs have different seeds. */
const STRIDE = 7919;

/** How much of a document is printed; `ONLY=` makes it again. */
const SHOWN = 300;

/** The numbers of the inputs, in batches of one kind each. */
export function batchesOf(first: number, after: number): number[][] {
  const batches: number[][] = [];
  for (let index = first; index < after; index++) {
    const last = batches.at(-1);
    if (last === undefined || index % SIZE === 0) batches.push([index]);
    else last.push(index);
  }
  return batches;
}

function kindOf(index: number): Kind {
  return KINDS[Math.floor(index / SIZE) % KINDS.length] ?? "validate";
}

interface Batch {
  readonly seed: number;
  readonly batch: readonly number[];
  /** Whether documents are printed in full. */
  readonly whole: boolean;
}

/** Returns what is wrong, for each input with a bad answer. */
export function runBatch(trial: Trial, { seed, batch, whole }: Batch): string[] {
  const kind = kindOf(batch[0] ?? 0);
  const tried = (index: number): Tried => trial.run(kind, randomFrom(seed * STRIDE + index));
  const told = new Map<number, string>();
  const tell = (index: number, { input, said, words, faults }: Tried): void => {
    if (faults.length === 0 || told.has(index)) return;
    const lines = [
      `input ${index} of seed ${seed}, ${words}: ${faults.join("; ")}`,
      `  said: ${JSON.stringify(said.slice(0, 600))}`,
      `  again: make fuzz-inputs SEED=${seed} ONLY=${index}`,
      `  begins: ${JSON.stringify(input.subarray(0, whole ? undefined : SHOWN).toString("latin1"))}`,
    ];
    told.set(index, lines.join("\n"));
  };
  const left = trial.leftBy(() => {
    for (const index of batch) tell(index, tried(index));
  });
  if (left.length === 0) return [...told.values()];
  const before = told.size;
  for (const index of batch) {
    let alone: Tried | undefined;
    const ofIt = trial.leftBy(() => {
      alone = tried(index);
    });
    if (alone !== undefined) tell(index, { ...alone, faults: [...alone.faults, ...ofIt] });
  }
  const found = [...told.values()];
  if (told.size > before) return found;
  return [...found, `inputs ${batch.join(", ")} of seed ${seed}, ${kind}, together: ${left.join("; ")}`];
}
