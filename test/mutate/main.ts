// `make mutate`: makes small random changes to the sources, one at a time, and finds out which tests notice
// them. Arguments are folders or parts of paths below src/. Writes the list to build/mutate.txt. Exits with 1
// if a change survived that is not explained.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { readSources } from "../style/source.ts";
import { type Change, describe, inRandomOrder, keyOf } from "./change.ts";
import { killAll } from "./command.ts";
import { explanationOf, readExplanations } from "./explained.ts";
import { findChanges } from "./find.ts";
import { FOLDERS, type Suite, Topics } from "./topics.ts";
import { type Outcome, type Proof, Workshop } from "./workshop.ts";

const LIST = "build/mutate.txt";
/** Which test noticed which change in earlier runs. */
const KILLERS = "build/mutate-killers.json";

interface Tried {
  readonly change: Change;
  readonly outcome: Outcome | { readonly kind: "explained"; readonly why: string };
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Gives out changes in order, until enough have compiled. */
class Queue {
  readonly #changes: readonly Change[];
  readonly #count: number;
  #next = 0;
  #counted = 0;
  #undecided = 0;
  #waiting: (() => void)[] = [];

  constructor(changes: readonly Change[], count: number) {
    this.#changes = changes;
    this.#count = count;
  }

  async take(): Promise<Change | undefined> {
    while (this.#counted < this.#count && this.#counted + this.#undecided >= this.#count) {
      await new Promise<void>((go) => this.#waiting.push(go));
    }
    if (this.#counted >= this.#count) return undefined;
    this.#undecided += 1;
    this.#next += 1;
    return this.#changes[this.#next - 1];
  }

  /** Records whether a change that was given out counts. */
  decide(counts: boolean): void {
    this.#undecided -= 1;
    if (counts) this.#counted += 1;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }
}

/** Runs each test that failed on a change once on the unchanged tree. */
function proofBy(reference: Workshop): Proof {
  const asked = new Map<string, Promise<boolean>>();
  let before: Promise<unknown> = Promise.resolve();
  const ask = async (name: string): Promise<boolean> => {
    await before;
    const { passed, failure } = await reference.measure(name);
    if (!passed) print(`not used, as it fails without any change: ${name}: ${failure}`);
    return passed;
  };
  return (name) => {
    const answer = asked.get(name) ?? ask(name);
    if (!asked.has(name)) before = answer;
    asked.set(name, answer);
    return answer;
  };
}

function lineOf({ change, outcome }: Tried): string {
  const place = describe(change);
  if (outcome.kind === "explained") return `explained  ${place}\n             ${outcome.why}`;
  if (outcome.kind === "compiler") return `compiler   ${place}\n             ${outcome.by}`;
  const ran = `ran: ${outcome.ran.join(" ")}`;
  if (outcome.kind === "killed")
    return `killed     ${place}\n             by ${outcome.by}\n             ${ran}`;
  if (outcome.kind === "elsewhere") {
    const needs = `its end-to-end tests need ${outcome.needs}`;
    return `elsewhere  ${place}\n             ${needs}\n             ${ran}`;
  }
  return `SURVIVED   ${place}\n             in: ${change.text}\n             ${ran}`;
}

function write(all: readonly Tried[], heading: string): void {
  const kinds = ["survived", "elsewhere", "explained", "killed", "compiler"];
  const sorted = all.toSorted((a, b) => kinds.indexOf(a.outcome.kind) - kinds.indexOf(b.outcome.kind));
  mkdirSync("build", { recursive: true });
  writeFileSync(LIST, `${[heading, ...sorted.map(lineOf)].join("\n")}\n`);
}

function summary(all: readonly Tried[]): string {
  const count = (kind: string): number => all.filter(({ outcome }) => outcome.kind === kind).length;
  const tried = all.length - count("compiler");
  const parts = [
    `${count("killed")} killed`,
    `${count("explained")} explained`,
    `${count("survived")} survived`,
  ];
  return `${tried} changes: ${parts.join(", ")}; ${count("compiler")} more did not compile`;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      count: { type: "string", default: "200" },
      seed: { type: "string", default: "1" },
      /** `unit`: no end-to-end tests, for a first look. */
      only: { type: "string", default: "" },
      jobs: { type: "string", default: "2" },
    },
  });
  const paths = readSources(...FOLDERS)
    .map(({ path }) => path)
    .filter((path) => positionals.length === 0 || positionals.some((part) => path.includes(part)));
  const changes = inRandomOrder(findChanges(paths), values.seed);
  const topics = new Topics();
  const suiteOf = (path: string): Suite => ({
    ...topics.of(path),
    ...(values.only === "unit" ? { lacking: "to be asked for: this was ONLY=unit", anyway: [] } : {}),
  });
  const explanations = readExplanations();

  const workshops = Array.from({ length: Number(values.jobs) + 1 }, (_, index) => new Workshop(index));
  const close = async (): Promise<void> => {
    killAll();
    await Promise.all(workshops.map((workshop) => workshop.close()));
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => close().finally(() => process.exit(1)));
  }
  for (const workshop of workshops) await workshop.prepare();
  const [reference, ...benches] = workshops;
  if (reference === undefined) return 1;
  const proof = proofBy(reference);

  const heading = `SEED=${values.seed}, ${changes.length} lines can be changed`;
  print(heading);
  const killers = new Map<string, string>(
    existsSync(KILLERS) ? JSON.parse(readFileSync(KILLERS, "utf8")) : [],
  );
  const queue = new Queue(changes, Number(values.count));
  const all: Tried[] = [];
  const work = async (workshop: Workshop): Promise<void> => {
    for (let change = await queue.take(); change !== undefined; change = await queue.take()) {
      const why = explanationOf(change, explanations)?.why;
      if (why !== undefined) queue.decide(true);
      const outcome =
        why !== undefined
          ? ({ kind: "explained", why } as const)
          : await workshop.attempt(change, suiteOf(change.path), {
              proof,
              likely: killers.get(keyOf(change)),
              decided: (compiles) => queue.decide(compiles),
            });
      const tried = { change, outcome };
      all.push(tried);
      if (outcome.kind === "killed") killers.set(keyOf(change), outcome.by.split(":")[0] ?? "");
      if (outcome.kind !== "compiler") print(lineOf(tried));
      write(all, heading);
      writeFileSync(KILLERS, JSON.stringify([...killers]));
    }
  };
  await Promise.all(benches.map(work));
  write(all, `${heading}\n${summary(all)}`);
  print(summary(all));
  await close();
  return all.some(({ outcome }) => outcome.kind === "survived") ? 1 : 0;
}

process.exit(await main());
