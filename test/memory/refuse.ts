// Tries one command over and over: each time memory runs out one allocation later, until the command needs no
// more.

import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Container } from "../support/container.ts";
import { cgroupHierarchies } from "../support/host.ts";
import { Lab } from "../support/lab.ts";
import { plainEnv, type Result } from "../support/runtime.ts";
import type { Command } from "./commands.ts";

export interface Outcome {
  readonly command: string;
  /** Tries at which an allocation was refused. */
  tries: number;
  /** How many of them reported it. */
  told: number;
  /** How many of them succeeded nevertheless. */
  harmless: number;
  /** A sentence for each of the others. */
  readonly wrong: string[];
}

export interface Share {
  /** The first allocation, and the distance to the next. */
  readonly first: number;
  readonly step: number;
}

/** After this many allocations, check all processes of the host, which takes longer than a try. */
const EVERYWHERE = 50;

/** Longer than any wait of tsrun itself, which gives a killed process ten seconds. */
const LIMIT_MS = 30_000;

/** The line that reports the failure. */
const TOLD = /^time="[^"]+" level=error msg="[^\n]*" code=E_NOMEM[^\n]*\n$/;

export async function refuse(command: Command, { first, step }: Share): Promise<Outcome> {
  const outcome: Outcome = { command: command.name, tries: 0, told: 0, harmless: 0, wrong: [] };
  const lab = new Lab();
  const shared = command.shared === true ? lab.container(Container.script(command.script)) : undefined;
  if (shared !== undefined) await command.prepare(shared);
  const box = shared ?? lab.container(Container.script(command.script));
  try {
    for (let number = first; await tryOne(command, { lab, box, number, step, outcome }); number += step);
  } finally {
    const left = await lab.close();
    for (const line of left) outcome.wrong.push(`at the end: left: ${line}`);
  }
  return outcome;
}

interface Try {
  readonly lab: Lab;
  readonly box: Container;
  readonly number: number;
  readonly step: number;
  readonly outcome: Outcome;
}

/** Leftovers in the state, the cgroups and the host's mounts: the checks that need not read every process. */
function leftAtHand(lab: Lab, { id }: Container): string[] {
  const inRoot = existsSync(lab.stateRoot) ? readdirSync(lab.stateRoot) : [];
  // No id begins with a dot: those are what `why` remembers, and the filters.
  const states = inRoot.filter((name) => !name.startsWith("."));
  const cgroups = cgroupHierarchies()
    .map(({ mountpoint }) => join(mountpoint, id))
    .filter((path) => existsSync(path));
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return [...states, ...cgroups, ...mounts.filter((line) => line.includes(id))];
}

/** False if the command ended before that allocation. */
async function tryOne(command: Command, { lab, box, number, step, outcome }: Try): Promise<boolean> {
  const sign = join(lab.folder, "refused");
  rmSync(sign, { force: true });
  const env = { ...plainEnv, TSRUN_REFUSE: String(number), TSRUN_REFUSED: sign };
  const wrong = (problem: string) => outcome.wrong.push(`allocation ${number}: ${problem}`);
  let refused = false;
  try {
    if (command.shared !== true) await command.prepare(box);
    const result = await command.call(box, { env, timeoutMs: LIMIT_MS });
    refused = result.code !== 0;
    if (existsSync(sign)) count(outcome, refused);
    for (const problem of await problemsOf(command, box, result)) wrong(problem);
  } catch (error) {
    wrong(error instanceof Error ? error.message : String(error));
  }
  if (command.shared === true) lab.forgetSessions();
  else {
    if (command.makes !== true || !refused) await lab.deleteAll();
    const left = number % EVERYWHERE < step ? await lab.leftovers() : leftAtHand(lab, box);
    for (const line of left) wrong(`left: ${line}`);
    if (left.length > 0) await lab.deleteAll();
  }
  return existsSync(sign);
}

function count(outcome: Outcome, refused: boolean): void {
  outcome.tries += 1;
  if (refused) outcome.told += 1;
  else outcome.harmless += 1;
}

async function problemsOf(command: Command, box: Container, result: Result): Promise<string[]> {
  const problems =
    result.code === 0
      ? [await command.done(box, result)]
      : [told(result, command), await command.refused(box)];
  return problems.filter((problem) => problem !== undefined);
}

function told({ code, stdout, stderr }: Result, { failureStatus = 1 }: Command): string | undefined {
  // Before tsrun knows which command it is, the status is always 1.
  if ((code === 1 || code === failureStatus) && stdout === "" && TOLD.test(stderr)) return undefined;
  return `exit status ${code}, ${JSON.stringify(stdout)}, ${JSON.stringify(stderr)}`;
}
