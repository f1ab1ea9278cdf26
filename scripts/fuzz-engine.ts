// `make fuzz-engine`: runs random programs in the engine with tsrun's changes and in the one without them,
// both under AddressSanitizer and UndefinedBehaviorSanitizer, and compares what they say. Before that, it
// runs the engine's own tests, and short programs in which each allocation is refused in turn, which must not
// end the engine, nor leave anything: bun scripts/fuzz-engine.ts SECONDS [SEED]. Exits with 1 if it has found
// something.

import { mkdirSync } from "node:fs";
import { $ } from "bun";
import { type Answer, EngineProcess } from "../test/fuzz/engines/process.ts";
import { makeProgram, type Program, textOf } from "../test/fuzz/engines/programs.ts";
import { refusalPrograms } from "../test/fuzz/engines/refusals.ts";
import { Random } from "../test/fuzz/random.ts";
import { DIRECTORY, ownEngine, plainEngine, SANITIZED, sanitizedEngine } from "./engine/sanitized.ts";

/** Findings after which it ends. */
const MOST = 10;
/** Allocations that are refused at a time: one, or all that follow. */
const REFUSED = [1, 2 ** 31];

type Pair = readonly [own: EngineProcess, plain: EngineProcess];

/** Links an engine with program.c. */
async function link(name: string, objects: readonly string[], include: string): Promise<string> {
  const path = `${DIRECTORY}/fuzz/${name}`;
  const source = `${import.meta.dir}/../test/fuzz/engines/program.c`;
  const flags = [...SANITIZED, "-Wall", "-Wextra", "-Werror", "-isystem", include];
  await $`gcc ${flags} -o ${path} ${source} ${objects} -lm -lpthread`;
  return path;
}

async function startEngines(): Promise<{ readonly engines: Pair; readonly source: string }> {
  mkdirSync(`${DIRECTORY}/fuzz`, { recursive: true });
  const own = await ownEngine();
  const plain = await plainEngine();
  const engines: Pair = [
    new EngineProcess(await link("own-engine", await sanitizedEngine(own), own.include)),
    new EngineProcess(await link("plain-engine", plain.objects, plain.include)),
  ];
  return { engines, source: own.include };
}

const TESTS = ["language", "closure", "loop", "builtin", "bigint"];
const STRICT = '"use strict";';
/** What they use of the engine's own host. */
const HOST = `
var std = { gc: collect }, console = { log: say };
var os = { setTimeout: (job) => void Promise.resolve().then(job) };
`;

/** Returns how many of the engine's own tests fail. */
async function runTests([own]: Pair, source: string): Promise<number> {
  let wrong = 0;
  for (const name of TESTS) {
    const program = await Bun.file(`${source}/tests/test_${name}.js`).text();
    const mode = program.startsWith(STRICT) ? STRICT : "";
    const { text, failure } = await own.ask(mode + HOST + program);
    if (failure === undefined && !text.includes("uncaught ")) continue;
    process.stdout.write(`the engine's own test_${name}.js: ${failure ?? text}\n`);
    wrong++;
  }
  return wrong;
}

function askBoth(engines: Pair, program: Program): Promise<Answer[]> {
  return Promise.all(engines.map((engine) => engine.ask(textOf(program))));
}

/** The first line that differs; `undefined` if there is none. */
function difference([own, plain]: readonly Answer[]): string | undefined {
  if (own?.isLate === true || plain?.isLate === true) return undefined;
  if (own?.failure !== undefined) return `ended: ${own.failure}`;
  if (plain?.failure !== undefined) return `without changes ended: ${plain.failure}`;
  if (own?.text === plain?.text) return undefined;
  const [lines, others] = [own, plain].map((answer) => (answer?.text ?? "").split("\n")) as [
    string[],
    string[],
  ];
  const at = lines.findIndex((line, index) => line !== others[index]);
  return `line ${at + 1}:\n  changed: ${lines[at]}\n  before:  ${others[at]}`;
}

/** Leaves out the statements that are not needed to show a difference. */
async function shorten(engines: Pair, program: Program): Promise<Program> {
  let short = program;
  for (let index = program.statements.length - 1; index >= 0; index--) {
    const statements = short.statements.filter((_, other) => other !== index);
    const shorter = { ...short, statements };
    if (difference(await askBoth(engines, shorter)) !== undefined) short = shorter;
  }
  return short;
}

async function report(engines: Pair, program: Program): Promise<void> {
  const short = await shorten(engines, program);
  const found = difference(await askBoth(engines, short)) ?? "once, and not again";
  const mode = short.isStrict ? "strict" : "sloppy";
  process.stdout.write(`${mode}\n  ${short.statements.join("\n  ")}\n${found}\n\n`);
}

/** The first refusal that ends an engine, in words. */
async function refuseEach(engine: EngineProcess, program: string): Promise<string | undefined> {
  const { allocations } = await engine.ask(program);
  for (const count of REFUSED) {
    for (let from = 1; from <= allocations; from++) {
      const { failure } = await engine.ask(program, { from, count });
      if (failure !== undefined) return `allocation ${from} refused, ${count}: ${failure}`;
    }
  }
  return undefined;
}

/** Returns how many programs do not stand it. A fault that the engine has without changes is told, too. */
async function tryRefusals([own, plain]: Pair): Promise<number> {
  let wrong = 0;
  for (const program of refusalPrograms()) {
    const found = await refuseEach(own, program);
    if (found === undefined) continue;
    const isTheirs = (await refuseEach(plain, program)) !== undefined;
    process.stdout.write(`${program}\n${isTheirs ? "also without changes: " : ""}${found}\n\n`);
    if (!isTheirs) wrong++;
  }
  return wrong;
}

const [seconds = "600", seed = `${Date.now() % 2 ** 31}`] = process.argv.slice(2);
const { engines, source } = await startEngines();
process.stdout.write(`seed ${seed}\n`);
const random = new Random(Number(seed));
let wrong = (await runTests(engines, source)) + (await tryRefusals(engines));
const end = Date.now() + Number(seconds) * 1000;
let programs = 0;
while (Date.now() < end && wrong < MOST) {
  const program = makeProgram(random);
  programs++;
  if (difference(await askBoth(engines, program)) === undefined) continue;
  wrong++;
  await report(engines, program);
}
for (const engine of engines) engine.close();
process.stdout.write(`${programs} programs, ${wrong} wrong\n`);
process.exitCode = wrong === 0 ? 0 : 1;
