// Tests the executable for arm64 in emulated machines, on Debian's kernels for arm64, and prints TAP text,
// which run.ts counts. A machine runs the checks of smoke.sh, or files of test/e2e and test/security. Where
// something is missing that is not the project's (a program, a package, a machine that comes up), that is
// skipped with the reason: bun test/arm64/main.ts KERNEL... -- [WORD...]. The words are `smoke` and names of
// files; without any the smoke checks run on every kernel, and the most important files on the first.

import { $ } from "bun";
import { explainedOtherwise } from "./explain.ts";
import { type Machine, makeSmoke, run } from "./machine.ts";
import { busyboxOf, getMusl, getPrograms, kernelOf, Unavailable, work } from "./packages.ts";
import { chosenTests, makeDebian, makeTests } from "./root.ts";

const root = `${import.meta.dir}/../..`;
const tsrun = `${root}/dist/tsrun${process.arch === "arm64" ? "" : "-arm64"}`;
const SMOKE = "smoke";
const MOST_IMPORTANT = [
  ...["lifecycle", "exec", "mounts", "namespaces", "cgroups", "cgroup-v2", "seccomp", "terminal", "rootless"],
  "security/",
];
/** When a machine is given up. */
const SMOKE_SECONDS = 600;
const FILES_SECONDS = 3600;

/** What init.sh says before it starts the first test. */
const UP = /^# machine: /;
const TOP_POINT = /^(ok|not ok) \d+ - (.*)$/;

/** What every test needs. */
interface Parts {
  /** An initramfs for the smoke checks. */
  readonly smoke: string;
  /** Debian's part of one for test files; absent if no file is wanted or it cannot be had. */
  readonly debian: string | undefined;
}

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

/** What explain says on both machines, where there are two. */
async function testExplain(): Promise<void> {
  const own = `${root}/dist/tsrun`;
  if (own === tsrun) return;
  const name = "arm64/explain";
  const differences = await explainedOtherwise(own, tsrun);
  if (differences.length > 0) return fail(name, differences);
  say(`# Subtest: ${name}`);
  say(`    ok 1 - explain --json is the same as on ${process.arch}`);
  say("    1..1");
  point(true, name);
}

/** Runs a machine, whose TAP text goes to stdout as part of the whole. */
async function test(machine: Machine, what: string): Promise<void> {
  let isUp = false;
  let hasEnded = false;
  const last: string[] = [];
  lastAt = Date.now();
  await run(machine, (line) => {
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
  const name = `${machine.kind}/${what}`;
  if (isUp) fail(`arm64/${name}`, ["The machine has ended early. It said last:", ...last]);
  else skip(name, `the machine does not come up: ${last.at(-1) ?? "it says nothing"}`);
}

/** Boots a kernel for the smoke checks, and once more for test files. */
async function testOn(kind: string, words: readonly string[], { smoke, debian }: Parts): Promise<void> {
  const kernel = await orSkip([kind], () => kernelOf(kind));
  if (kernel === undefined) return;
  const small = { kind, kernel, initramfs: smoke, init: "/init", memoryMib: 1024 };
  if (words.includes(SMOKE)) await test({ ...small, limitSeconds: SMOKE_SECONDS }, SMOKE);
  const names = chosenTests(words);
  if (debian === undefined || names.length === 0) return;
  const initramfs = `${work}/files.cpio`;
  await $`cat ${smoke} ${debian} ${await makeTests(names, tsrun, kernel)} > ${initramfs}`;
  const large = { kind, kernel, initramfs, init: "/files", memoryMib: 3072 };
  await test({ ...large, limitSeconds: FILES_SECONDS }, "files");
}

async function main(kinds: readonly string[], words: readonly string[]): Promise<void> {
  const unknown = words.find((word) => word !== SMOKE && chosenTests([word]).length === 0);
  if (unknown !== undefined) throw new Error(`no test ${unknown}`);
  const onFirst = words.length > 0 ? words : [SMOKE, ...MOST_IMPORTANT];
  const onOthers = words.length > 0 ? words : [SMOKE];
  say("TAP version 14");
  const busybox = await orSkip(kinds, async () => {
    await getPrograms();
    await getMusl();
    return await busyboxOf();
  });
  if (busybox !== undefined && (await build())) {
    await testExplain();
    const smoke = await makeSmoke(busybox, tsrun);
    const debian = chosenTests(onFirst).length > 0 ? await orSkip(["files"], makeDebian) : undefined;
    for (const [index, kind] of kinds.entries()) {
      await testOn(kind, index === 0 ? onFirst : onOthers, { smoke, debian });
    }
  }
  say(`1..${points}`);
}

const args = process.argv.slice(2);
const border = args.indexOf("--");
await main(args.slice(0, border), args.slice(border + 1));
