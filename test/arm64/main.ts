// Tests the executable for arm64 in emulated machines, on Debian's kernels for arm64, and prints TAP text,
// which run.ts counts. Each machine runs the checks of smoke.sh. Where something is missing that is not the
// project's (a program, a package, a machine that comes up), that is skipped with the reason:
// bun test/arm64/main.ts KERNEL...

import { $ } from "bun";
import { makeInitramfs, run } from "./machine.ts";
import { busyboxOf, getMusl, getPrograms, kernelOf, Unavailable } from "./packages.ts";

const root = `${import.meta.dir}/../..`;
const tsrun = `${root}/dist/tsrun${process.arch === "arm64" ? "" : "-arm64"}`;
const LIMIT_SECONDS = 600;

/** What init.sh says before it starts the first test. */
const UP = /^# machine: /;
const TOP_POINT = /^(ok|not ok) \d+ - (.*)$/;

let points = 0;
/** When the last point was said. */
let lastAt = Date.now();

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Says a point at the top: the result of a file or of a machine. */
function point(ok: boolean, name: string): void {
  points += 1;
  say(`${ok ? "ok" : "not ok"} ${points} - ${name} # time=${Date.now() - lastAt}ms`);
  lastAt = Date.now();
}

function fail(name: string, why: readonly string[]): void {
  say(`# Subtest: ${name}`);
  say(`    not ok 1 - ${name}`);
  say("      ---");
  for (const line of why) say(`      ${line}`);
  say("      ...");
  say("    1..1");
  point(false, name);
}

function skip(kind: string, reason: string): void {
  points += 1;
  say(`ok ${points} - arm64/${kind} # SKIP ${reason}`);
}

/** Skips the tests on these kernels if something cannot be had. */
async function orSkip<T>(kinds: readonly string[], prepare: () => Promise<T>): Promise<T | undefined> {
  try {
    return await prepare();
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    for (const kind of kinds) skip(kind, error.message);
    return undefined;
  }
}

/** Builds tsrun for arm64; says what the build says if it fails. Returns whether it succeeds. */
async function build(): Promise<boolean> {
  const { MAKEFLAGS: _, MAKELEVEL: __, ...env } = process.env;
  const built = await $`make build TARGET=arm64 2>&1`.cwd(root).env(env).quiet().nothrow();
  const isBuilt = built.exitCode === 0;
  if (isBuilt) point(true, "arm64/build");
  else fail("arm64/build", built.text().trimEnd().split("\n"));
  return isBuilt;
}

/** Runs a machine, whose TAP text goes to stdout as part of the whole. */
async function test(kind: string, kernel: string, initramfs: string): Promise<void> {
  let isUp = false;
  let hasEnded = false;
  const last: string[] = [];
  lastAt = Date.now();
  await run({ kind, kernel, initramfs, limitSeconds: LIMIT_SECONDS }, (line) => {
    last.push(line);
    if (last.length > 20) last.shift();
    if (UP.test(line)) isUp = true;
    if (!isUp) return;
    const found = TOP_POINT.exec(line);
    if (/^1\.\.\d+$/.test(line)) hasEnded = true;
    else if (found === null) say(line);
    else point(found[1] === "ok", found[2] ?? "");
  });
  if (hasEnded) return;
  if (isUp) fail(`arm64/${kind}/end`, last);
  else skip(kind, `the machine does not come up: ${last.at(-1) ?? "it says nothing"}`);
}

async function main(kinds: readonly string[]): Promise<void> {
  say("TAP version 14");
  const busybox = await orSkip(kinds, async () => {
    await getPrograms();
    await getMusl();
    return await busyboxOf();
  });
  if (busybox !== undefined && (await build())) {
    const initramfs = await makeInitramfs(busybox, tsrun);
    for (const kind of kinds) {
      const kernel = await orSkip([kind], () => kernelOf(kind));
      if (kernel !== undefined) await test(kind, kernel, initramfs);
    }
  }
  say(`1..${points}`);
}

await main(process.argv.slice(2));
