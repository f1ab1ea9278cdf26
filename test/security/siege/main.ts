// `make siege`: each attacker against plain containers and those with a user namespace, a line for each and
// one for all. Arguments are the number of tries and parts of the names of attackers; the runtime is that of
// RUNTIME. Exits with 1 when a command hung, a container could not be deleted, or anything was left.

import { choose, print } from "../../support/chosen.ts";
import { Lab } from "../../support/lab.ts";
import { ATTACKERS, KINDS } from "./attackers.ts";
import { type Outcome, siege } from "./siege.ts";

const EXAMPLES = 3;

function report(kind: string, outcome: Outcome, seconds: number): void {
  const { attacker, calls, hangs, undeletable, leftovers } = outcome;
  const made = [...calls].map(([name, { made, failed }]) => `${name} ${made} (${failed} failed)`);
  const counts = `${hangs.length} hangs, ${undeletable.length} not deletable, ${leftovers.length} left`;
  print(`${attacker}, ${kind}: ${counts}; ${made.join(", ")}; ${seconds.toFixed(0)} s`);
  for (const line of hangs.slice(0, EXAMPLES)) print(`  hang: ${line}`);
  for (const line of undeletable.slice(0, EXAMPLES)) print(`  not deletable: ${line}`);
  for (const line of leftovers.slice(0, EXAMPLES)) print(`  left: ${line}`);
  const words = [...outcome.words].sort(([, one], [, other]) => other - one);
  for (const [word, count] of words.slice(0, EXAMPLES)) print(`  ${count} × ${word}`);
}

async function main(): Promise<number> {
  const { count: tries, candidates } = choose(ATTACKERS, { option: "tries", usual: 1000 });
  const all = { sieges: 0, hangs: 0, undeletable: 0, left: 0 };
  for (const attacker of candidates) {
    for (const { name, edit } of KINDS) {
      const begin = performance.now();
      const lab = new Lab();
      const outcome = await siege(lab, attacker, { edit, tries });
      outcome.leftovers.push(...(await lab.close()));
      report(name, outcome, (performance.now() - begin) / 1000);
      all.sieges += 1;
      all.hangs += outcome.hangs.length;
      all.undeletable += outcome.undeletable.length;
      all.left += outcome.leftovers.length;
    }
  }
  const counts = `${all.hangs} hangs, ${all.undeletable} not deletable, ${all.left} left`;
  print(`siege: ${all.sieges} sieges of ${tries} tries, ${counts}`);
  return all.hangs + all.undeletable + all.left === 0 ? 0 : 1;
}

process.exitCode = await main();
