// Runs the conformance suites on a runtime, prints the totals beside runc's, and writes docs/conformance.md:
// `bun scripts/conformance/conformance.ts [PART...]`, called by `make conformance`. Results stay in
// results/RUNTIME/; those of tsrun, runc and crun are checked in, and the page is made from them. Exits with
// 1 when a case that runc passes fails and reasons.json does not say why.
//
//   RUNTIME  a path, or the name of a program of the lab's tree
//   LAB      folder with docker-e2e.sh, runc-bats.sh and ns.sh; without one only the page is written anew
//   TREE     where the lab has its tree: TREE/enter and TREE/sid
//   ONLY     words: only these programs, files or scenarios of a suite

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { basename, resolve } from "node:path";
import type { Run } from "./outcomes.ts";
import { chooseParts, type Part } from "./parts.ts";
import { failures, page, totals } from "./report.ts";
import { compare, PEERS, SUBJECT, saveRun } from "./store.ts";

const PAGE = "docs/conformance.md";

interface Settings {
  readonly runtime: string;
  /** The name under which its results are kept. */
  readonly name: string;
  readonly lab: string;
  readonly tree: string;
  readonly only: readonly string[];
}

function main(): number {
  const { RUNTIME = "dist/tsrun", LAB = "", TREE = "", ONLY = "" } = process.env;
  const runtime = RUNTIME.includes("/") ? resolve(RUNTIME) : RUNTIME;
  const settings = { runtime, name: basename(runtime), lab: LAB, tree: TREE, only: words(ONLY) };
  const parts = chooseParts(process.argv.slice(2));
  if (LAB !== "") for (const part of parts) runPart(part, settings);
  const comparison = compare(settings.name);
  const ran = parts.map(({ name }) => name);
  print(["", settings.runtime, ...totals(comparison, ran)]);
  if ([SUBJECT, ...PEERS].includes(settings.name)) writeFileSync(PAGE, page(compare(SUBJECT)));
  const unexplained = failures(comparison).filter(
    ({ part, passedBy, reason }) => ran.includes(part) && reason === undefined && passedBy.includes("runc"),
  );
  print(unexplained.map(({ part, id }) => `runc passes it, and no reason is written down: ${part}: ${id}`));
  return unexplained.length === 0 ? 0 : 1;
}

function runPart(part: Part, { runtime, name, lab, tree, only }: Settings): void {
  const out = resolve("build/conformance", name, part.name);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  setUp(part, lab, tree);
  const { command, env, results } = part.call({ runtime, lab, tree, out, only });
  print(["", `== ${part.name}: ${command.join(" ")}`]);
  call(command, env);
  if (!existsSync(results)) throw new Error(`${part.name} has left no results in ${results}`);
  const outcomes = part.read(readFileSync(results, "utf8"));
  if (outcomes.size === 0) throw new Error(`${part.name} has run nothing: see ${out}`);
  saveRun(name, part.name, { ...identify(runtime, lab), outcomes });
  if (!results.startsWith(out)) rmSync(results);
}

/** Sets up a suite, once per machine; docker-e2e.sh and runtime-tools.sh do the rest themselves. */
function setUp(part: Part, lab: string, tree: string): void {
  const ready = existsSync(`${tree}/sid/src/runc/tests/integration/testdata/busybox-amd64.tar.xz`);
  if (ready) return;
  print(["", `== setting the lab up for ${part.name}: ${lab}/runc-bats.sh --setup`]);
  const status = call([`${lab}/runc-bats.sh`, "--setup"], { LAB: tree });
  if (status !== 0) throw new Error(`${lab}/runc-bats.sh --setup has failed`);
}

/** The versions of runtime and kernel; a program of the lab's tree is called there. */
function identify(runtime: string, lab: string): Pick<Run, "version" | "machine"> {
  const command = [...(runtime.includes("/") ? [] : [`${lab}/ns.sh`]), runtime, "--version"];
  const { stdout } = spawnSync(command[0] ?? "", command.slice(1), { encoding: "utf8" });
  // Its name and its version, in a line that may name other programs in between.
  const version = stdout.split("\n")[0]?.replace(/^(\w+).* version /, "$1 version ") ?? "";
  const uname = spawnSync("uname", ["-srm"], { encoding: "utf8" }).stdout.trim();
  const kernel = uname.replace(/(\d+\.\d+)\S*/, "$1");
  const layout = existsSync("/sys/fs/cgroup/cgroup.controllers") ? "cgroup v2" : "cgroup v1";
  return { version, machine: `${kernel}, ${layout}` };
}

/**
 * Runs a suite without make's variables: runc-bats.sh uses LAB for something else, and every suite RUNTIME.
 */
function call([program = "", ...args]: readonly string[], env: Readonly<Record<string, string>>): number {
  const { LAB, RUNTIME, MAKEFLAGS, MAKEOVERRIDES, MFLAGS, ...rest } = process.env;
  const { status, error } = spawnSync(program, args, {
    env: { ...rest, ...env },
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (error !== undefined) throw error;
  return status ?? 1;
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

function print(lines: readonly string[]): void {
  for (const line of lines) writeSync(1, `${line}\n`);
}

process.exitCode = main();
