// `make test-memory`: refuses each allocation of each command in turn, with dist/tsrun-memory
// (src/engine/native/refusal.c). Arguments are names of commands, by default all, and --every 10 for each
// tenth allocation only. Exits with 1 if a command neither reported the failure and left everything as it
// was, nor succeeded.

import { parseArgs } from "node:util";
import { COMMANDS } from "./commands.ts";
import { type Outcome, refuse } from "./refuse.ts";

/** Tries at a time. */
const PARALLEL = 2;
const EXAMPLES = 20;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function report({ command, tries, told, harmless, wrong }: Outcome, seconds: number): void {
  const counts = `${told} said E_NOMEM, ${harmless} were done, ${wrong.length} wrong`;
  print(`${command}: ${tries} allocations refused, ${counts}; ${seconds.toFixed(0)} s`);
  for (const line of wrong.slice(0, EXAMPLES)) print(`  ${line}`);
}

function together(outcomes: readonly Outcome[], command: string): Outcome {
  const sum = (key: "tries" | "told" | "harmless") =>
    outcomes.reduce((total, outcome) => total + outcome[key], 0);
  const wrong = outcomes.flatMap((outcome) => outcome.wrong);
  return { command, tries: sum("tries"), told: sum("told"), harmless: sum("harmless"), wrong };
}

async function main(): Promise<number> {
  const { values, positionals: names } = parseArgs({
    allowPositionals: true,
    options: { every: { type: "string", default: "1" } },
  });
  const every = Number(values.every);
  let wrong = 0;
  for (const command of COMMANDS) {
    if (names.length > 0 && !names.includes(command.name)) continue;
    const begin = performance.now();
    const shares = Array.from({ length: PARALLEL }, (_, index) => ({
      first: index * every + 1,
      step: PARALLEL * every,
    }));
    const outcome = together(await Promise.all(shares.map((share) => refuse(command, share))), command.name);
    report(outcome, (performance.now() - begin) / 1000);
    // A command without a single try counts as wrong: it was not tested.
    wrong += outcome.wrong.length + (outcome.tries === 0 ? 1 : 0);
  }
  return wrong === 0 ? 0 : 1;
}

process.exitCode = await main();
