// `make race`: the race against each place, with a table at the end. Arguments are the number of creates for
// each place and parts of the names of places; the runtime is that of RUNTIME. Exits with 1 when anything got
// out or was left.

import { parseArgs } from "node:util";
import { Lab } from "../../support/lab.ts";
import { runtimePath } from "../../support/runtime.ts";
import { PLACES } from "./places.ts";
import { type Outcome, race } from "./race.ts";

const EXAMPLES = 3;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

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
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { creates: { type: "string", default: "2000" } },
  });
  print(`runtime: ${runtimePath}`);
  let bad = 0;
  for (const place of PLACES) {
    if (positionals.length > 0 && !positionals.some((part) => place.name.includes(part))) continue;
    const reason = place.impossible?.();
    if (reason !== undefined) {
      print(`${place.name}: not tried, ${reason}`);
      continue;
    }
    const begin = performance.now();
    const lab = new Lab();
    const outcome = await race(lab, place, Number(values.creates));
    outcome.leftovers.push(...(await lab.close()));
    report(outcome, (performance.now() - begin) / 1000);
    bad += outcome.escapes.length + outcome.leftovers.length;
  }
  return bad === 0 ? 0 : 1;
}

process.exitCode = await main();
