// `make diff-runc`: random configurations, each run by runc and by tsrun in namespaces of their own, and
// everything compared that the program inside, hooks and the host can see. Arguments: --trials N, --seed S,
// --only I for one of them again, --runc PATH, --tsrun PATH; --alone leaves runc out, so that only what tsrun
// says of its own containers is judged; --before PATH puts an earlier tsrun in runc's place, and then nothing
// may differ, not even the texts of errors. Each difference without a reason is printed with the smallest
// draft that shows it; ends with a line of counts, and with 1 when there was one.

import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { removeCgroups } from "../mutate/cgroups.ts";
import { findProgram } from "../support/host.ts";
import { randomFrom } from "../support/random.ts";
import { alarms, type Compared, compare, compareExactly, type Difference, isMade } from "./compare.ts";
import { BOX, draftOf, FOLDER, type Part, PROBE } from "./draft.ts";
import { choose } from "./parts.ts";
import { ALL_RUNTIMES, type Ran, type Runtime, runSide, TEMPLATE } from "./side.ts";

const { values } = parseArgs({
  options: {
    trials: { type: "string", default: "200" },
    seed: { type: "string", default: "1" },
    from: { type: "string", default: "0" },
    only: { type: "string" },
    jobs: { type: "string", default: "2" },
    runc: { type: "string", default: "runc" },
    tsrun: { type: "string", default: "dist/tsrun" },
    alone: { type: "boolean", default: false },
    before: { type: "string" },
  },
});

const RUNTIMES: readonly Runtime[] = values.alone ? ["tsrun"] : ALL_RUNTIMES;
const EXACT = values.before !== undefined;
/** What the two sides are called in the report. */
const NAMES: Readonly<Record<Runtime, string>> = EXACT
  ? { runc: "before", tsrun: "now" }
  : { runc: "runc", tsrun: "tsrun" };
const WORKSHOP = resolve("build/diff-runc");
const PROBE_SOURCES = ["report", "main"].map((name) => `test/diff-runc/probe/${name}.c`);
/** Large enough that neighbouring trials have different seeds. */
const STRIDE = 7919;
const PROGRESS = 100;
/** The most lines that are printed of one difference. */
const MOST_LINES = 12;
const MOST_DIFFERENCES = 12;

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function mustRun(command: string, args: readonly string[], env = process.env): void {
  const { status, stderr, error } = spawnSync(command, args, { encoding: "utf8", env });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr ?? error}`);
}

/** Runs outside the arena: prepares it. */
async function enter(): Promise<number> {
  rmSync(WORKSHOP, { recursive: true, force: true });
  mkdirSync(WORKSHOP, { recursive: true });
  mustRun("musl-gcc", ["-static", "-O2", "-o", join(WORKSHOP, "probe"), ...PROBE_SOURCES]);
  const paths = { runc: values.before ?? values.runc, tsrun: values.tsrun };
  for (const runtime of RUNTIMES) {
    const path = paths[runtime].includes("/") ? paths[runtime] : findProgram(paths[runtime]);
    if (path === undefined || !existsSync(path)) throw new Error(`no ${paths[runtime]}`);
    copyFileSync(path, join(WORKSHOP, runtime));
  }
  const jobs = values.only === undefined ? Number(values.jobs) : 1;
  const statuses = await Promise.all(Array.from({ length: jobs }, (_, arena) => enterArena(arena)));
  sumUp(jobs);
  return statuses.every((status) => status === 0) ? 0 : 1;
}

async function enterArena(arena: number): Promise<number> {
  const cgroup = `diff-runc-${process.pid}-${arena}`;
  const words = ["test/mutate/confine.sh", cgroup, process.execPath, ...process.argv.slice(1)];
  const env = { ...process.env, DIFF_ARENA: String(arena) };
  const child = spawn("sh", words, { stdio: "inherit", env });
  const status = await new Promise<number>((done) => child.on("exit", (code) => done(code ?? 1)));
  await removeCgroups(cgroup);
  return status;
}

interface Counts {
  readonly trials: number;
  readonly made: number;
  readonly failed: number;
  readonly reasons: Readonly<Record<string, number>>;
}

function sumUp(jobs: number): void {
  const all = Array.from({ length: jobs }, (_, arena) => join(WORKSHOP, `counts-${arena}`))
    .filter((path) => existsSync(path))
    .map((path) => JSON.parse(readFileSync(path, "utf8")) as Counts);
  const sum = (of: (counts: Counts) => number) => all.reduce((total, counts) => total + of(counts), 0);
  const reasons = new Set(all.flatMap((counts) => Object.keys(counts.reasons)));
  const lines = [...reasons].map((reason) => ({
    reason,
    count: sum((counts) => counts.reasons[reason] ?? 0),
  }));
  for (const { reason, count } of lines.sort((one, other) => other.count - one.count))
    print(`${count} × ${reason}`);
  const made = `${sum((counts) => counts.made)} containers made by ${values.alone ? "tsrun" : NAMES.runc}`;
  const counted = `${sum(({ trials }) => trials)} trials, ${made}`;
  print(`${counted}, ${sum(({ failed }) => failed)} with a difference without a reason`);
}

interface Tried extends Compared {
  readonly sides: Readonly<Partial<Record<Runtime, Ran>>>;
  readonly made: boolean;
}

function tryParts(parts: readonly Part[]): Tried {
  if (values.alone) {
    const tsrun = runSide(draftOf(parts), "tsrun", true);
    return {
      ...{ unknown: alarms(tsrun.observed), reasons: [] },
      ...{ sides: { tsrun }, made: isMade(tsrun.observed) },
    };
  }
  const draft = draftOf(parts);
  const sides = { runc: runSide(draft, "runc", !EXACT), tsrun: runSide(draft, "tsrun", !EXACT) };
  const compared = EXACT ? compareExactly(sides) : compare(draft, sides);
  return { ...compared, sides, made: isMade(sides.runc.observed) };
}

function signature(differences: readonly Difference[]): string {
  return differences[0]?.key.replace(/\d+/g, "N") ?? "";
}

/** Leaves out the parts that are not needed to show the first difference. */
function shrink(all: readonly Part[], seen: string): readonly Part[] {
  let parts = all;
  for (let at = parts.length - 1; at >= 0; at--) {
    const fewer = parts.filter((_, index) => index !== at);
    if (tryParts(fewer).unknown.some((one) => signature([one]) === seen)) parts = fewer;
  }
  return parts;
}

function shown({ key, runc, tsrun }: Difference): string {
  const some = (name: string, lines: readonly string[]) =>
    lines.slice(0, MOST_LINES).map((line) => `      ${name.padEnd(7)}${line.slice(0, 500)}`);
  return [`    ${key}`, ...some(NAMES.runc, runc), ...some(NAMES.tsrun, tsrun)].join("\n");
}

/** Leaves out messages that only follow from a container that was not made. */
function saidShortly(said: string): string {
  const lines = said.split("\n").filter((line) => !/container (does not exist|not running)/.test(line));
  return lines.map((line) => line.slice(0, 600)).join("\n");
}

function tell(index: number, all: readonly Part[], known: Map<string, number>, first: Tried): void {
  const seen = signature(first.unknown);
  const times = known.get(seen) ?? 0;
  known.set(seen, times + 1);
  const small = times < 1 || values.only !== undefined;
  const parts = small ? shrink(all, seen) : all;
  const tried = small ? tryParts(parts) : first;
  const told = tried.unknown.length > 0 ? tried : first;
  const lines = [
    `trial ${index}: ${first.unknown.length} differences`,
    `  again: make diff-runc SEED=${values.seed} ONLY=${index}`,
    ...parts.map(({ name }) => `  ${small ? "needs" : "has"} ${name.slice(0, 600)}`),
    ...told.unknown.slice(0, MOST_DIFFERENCES).map(shown),
  ];
  for (const runtime of RUNTIMES) {
    const said = saidShortly(told.sides[runtime]?.said ?? "");
    if (said !== "") lines.push(said.replace(/^/gm, `    ${NAMES[runtime]} says: `));
  }
  if (values.only !== undefined) lines.push(JSON.stringify(draftOf(parts).config));
  // In one call: other arenas print as well.
  print(lines.join("\n"));
}

/** Runs this arena's share of the trials. */
function tryAll(arena: number): number {
  const jobs = values.only === undefined ? Number(values.jobs) : 1;
  mkdirSync(BOX, { recursive: true });
  for (const runtime of RUNTIMES) copyFileSync(join(WORKSHOP, runtime), join(FOLDER, runtime));
  copyFileSync(join(WORKSHOP, "probe"), PROBE);
  mustRun("sh", ["-euc", TEMPLATE], { ...process.env, T: `${FOLDER}/template`, PROBE });
  const from = Number(values.only ?? values.from);
  const after = values.only === undefined ? from + Number(values.trials) : from + 1;
  const reasons = new Map<string, number>();
  const known = new Map<string, number>();
  let [made, failed, total] = [0, 0, 0];
  for (let index = from + arena; index < after; index += jobs) {
    const parts = choose(randomFrom(Number(values.seed) * STRIDE + index));
    const tried = tryParts(parts);
    if (tried.made) made++;
    for (const reason of tried.reasons) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    total++;
    if (tried.unknown.length > 0) {
      failed++;
      tell(index, parts, known, tried);
    }
    const counts: Counts = { trials: total, made, failed, reasons: Object.fromEntries(reasons) };
    writeFileSync(join(WORKSHOP, `counts-${arena}`), JSON.stringify(counts));
    if (total % PROGRESS === 0) print(`arena ${arena}: ${total} trials, ${failed} differ without a reason`);
  }
  return failed === 0 ? 0 : 1;
}

const { DIFF_ARENA: arena } = process.env;
process.exitCode = arena === undefined ? await enter() : tryAll(Number(arena));
