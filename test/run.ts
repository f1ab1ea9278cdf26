// Runs the compiled tests under tap, and closes with why cases were skipped and `N passed, N failed`.
// Arguments are folders or parts of file names below test/ ("unit", "e2e/lifecycle"); without any, everything
// runs. Zero tests are a failure.
// With WITHOUT=each in the environment they run once for every optional system call. KERNELS names kernels
// for arm64: the smoke checks run on them as well; with --arm64 only what follows it (test/arm64/main.ts).

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Count, countCases } from "./support/tap-count.ts";
import { TapReport } from "./support/tap-report.ts";
import { EACH, REPLACEABLE } from "./support/without.ts";

const STDOUT = 1;
const ONLY_ARM64 = "--arm64";

function print(line: string): void {
  writeSync(STDOUT, `${line}\n`);
}

/** The compiled file of every test source; files built from a deleted source do not run. */
function testFiles(filters: readonly string[]): string[] {
  const sources = readdirSync("test", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts"))
    .filter((name) => filters.length === 0 || filters.some((filter) => name.includes(filter)));
  const byTopic = sources.sort(
    (a, b) => Number(a.startsWith("e2e")) - Number(b.startsWith("e2e")) || (a < b ? -1 : 1),
  );
  return byTopic.map((name) => join("build/test", name.replace(/\.ts$/, ".js")));
}

/** A program that prints TAP text. */
interface Tests {
  readonly command: readonly [string, ...string[]];
  readonly env?: NodeJS.ProcessEnv;
  /** What the file of its text is called. */
  readonly name: string;
}

function underTap(files: readonly string[], without: string): Tests {
  const name = `test${without === "" ? "" : `-without-${without}`}`;
  return {
    command: [process.execPath, "build/test/files.js", ...files],
    env: { ...process.env, WITHOUT: without },
    name,
  };
}

/** The smoke checks and test files that the words name, in emulated machines. */
function inMachines(kernels: readonly string[], words: readonly string[]): Tests {
  const command = ["node_modules/.bin/bun", "test/arm64/main.ts", ...kernels, "--", ...words] as const;
  return { command: [...command], name: "test-arm64" };
}

/** Runs tests; shows their TAP text as it arrives and keeps it for the count. */
async function readTap({ command, env }: Tests): Promise<{ status: number; text: string }> {
  const [program, ...args] = command;
  const tap = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"], env });
  const ended = once(tap, "close");
  const report = new TapReport(print);
  const lines: string[] = [];
  for await (const line of createInterface({ input: tap.stdout })) {
    lines.push(line);
    report.line(line);
  }
  const [code] = await ended;
  return { status: typeof code === "number" ? code : 1, text: lines.join("\n") };
}

/** Runs tests once, and keeps the TAP text. */
async function run(tests: Tests): Promise<Count> {
  const { status, text } = await readTap(tests);
  mkdirSync("build", { recursive: true });
  writeFileSync(`build/${tests.name}.tap`, text);
  const count = countCases(text);
  for (const name of count.failures) print(`failed: ${name}`);
  if (count.failed > 0 || status === 0) return count;
  // tap may find a failure that is in no case, such as a file that printed no plan.
  const line = /^not ok\b.*$/m.exec(text)?.[0] ?? `tap ended with status ${status}`;
  print(`failed, in no case: ${line}`);
  return { ...count, failed: 1 };
}

function summary({ passed, failed, skipped }: Count): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

function sum(counts: readonly Count[]): Count {
  return {
    passed: total(counts.map(({ passed }) => passed)),
    failed: total(counts.map(({ failed }) => failed)),
    skipped: total(counts.map(({ skipped }) => skipped)),
    failures: counts.flatMap(({ failures }) => failures),
    reasons: counts.flatMap(({ reasons }) => reasons),
  };
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}

/** Each reason once, with how many cases were skipped for it; the most frequent first. */
function printReasons(reasons: readonly string[]): void {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const lines = [...counts].sort(([a, first], [b, second]) => second - first || (a < b ? -1 : 1));
  for (const [reason, count] of lines) print(`skipped ${count}: ${reason}`);
}

/** Runs the files, once or without one system call after the other; `undefined` if they cannot run. */
async function runFiles(filters: readonly string[]): Promise<Count[] | undefined> {
  const files = testFiles(filters);
  const missing = files.filter((file) => !existsSync(file));
  for (const file of missing) print(`not compiled: ${file}`);
  if (files.length === 0 || missing.length > 0) return undefined;
  const { WITHOUT = "" } = process.env;
  const counts: Count[] = [];
  for (const without of WITHOUT === EACH ? REPLACEABLE : [WITHOUT]) {
    if (WITHOUT === EACH) print(`without ${without}:`);
    const count = await run(underTap(files, without));
    if (WITHOUT === EACH) print(`without ${without}: ${summary(count)}`);
    counts.push(count);
  }
  return counts;
}

async function main(args: readonly string[]): Promise<number> {
  const kernels = (process.env.KERNELS ?? "").split(" ").filter((word) => word !== "");
  const isOnly = args[0] === ONLY_ARM64;
  const counts = isOnly ? [] : await runFiles(args);
  const words = isOnly ? args.slice(1) : ["smoke"];
  if (counts !== undefined && kernels.length > 0) counts.push(await run(inMachines(kernels, words)));
  const all = sum(counts ?? []);
  const failed = counts === undefined ? 1 : all.failed;
  printReasons(all.reasons);
  print(summary({ ...all, failed }));
  return failed > 0 || all.passed === 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
