// `make race`: the race against each place, with a table at the end. Arguments are the number of creates for
// each place and parts of the names of places; the runtime is that of RUNTIME. Exits with 1 when anything got
// out or was left.

import { choose, print } from "../../support/chosen.ts";
import { Lab } from "../../support/lab.ts";
import { PLACES } from "./places.ts";
import { type Outcome, race } from "./race.ts";

const EXAMPLES = 3;

function report(outcome: Outcome, seconds: number): void {
  const { place, creates, refused, exchanges, escapes, leftovers } = outcome;
  const counts = `${escapes.length} escapes, ${leftovers.length} leftovers, ${refused} refused`;
  print(`${place}: ${creates} creates, ${counts}; ${exchanges} exchanges in ${seconds.toFixed(0)} s`);
  for (const line of escapes.slice(0, EXAMPLES)) print(`  escape: ${line}`);
  for (const line of leftovers.slice(0, EXAMPLES)) print(`  left: ${line}`);
  const words = [...outcome.words].sort(([, one], [, other]) => other - one);
  for (const [word, count] of words.slice(0, EXAMPLES)) print(`  ${count} × ${word}`);
}

async function main(): Promise<number> {
  const { count, candidates } = choose(PLACES, { option: "creates", usual: 2000 });
  let bad = 0;
  for (const place of candidates) {
    const begin = performance.now();
    const lab = new Lab();
    const outcome = await race(lab, place, count);
    outcome.leftovers.push(...(await lab.close()));
    report(outcome, (performance.now() - begin) / 1000);
    bad += outcome.escapes.length + outcome.leftovers.length;
  }
  return bad === 0 ? 0 : 1;
}

process.exitCode = await main();
