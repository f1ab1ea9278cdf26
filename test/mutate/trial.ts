// Runs test files one after the other, in the namespaces that confine.sh has made, and stops at the first
// that fails: node build/test/mutate/trial.js REPORT NAME=SECONDS… . The report is JSON. A file that exceeds
// its time limit has failed too: a hang counts as noticed.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";

export interface FileResult {
  readonly name: string;
  readonly passed: boolean;
  readonly ms: number;
  /** The first case that failed, or what else was wrong. */
  readonly failure: string;
  /** A wait timed out. */
  readonly waited: boolean;
}

/** Failures that a busy machine may cause: they must happen twice to count. */
const WAITED = /did not end within|gave up after|timeout!/;

async function textOf(child: ChildProcess): Promise<string> {
  const chunks: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
  await once(child, "close");
  return Buffer.concat(chunks).toString();
}

/** The innermost case that contains the first failed assertion. */
function firstFailure(tap: string): string | undefined {
  const open: string[] = [];
  for (const line of tap.split("\n")) {
    const [, indent = "", name] = /^( *)# Subtest: (.*)$/.exec(line) ?? [];
    if (name !== undefined) open.splice(indent.length / 4, open.length, name);
    const failed = /^( *)not ok\b[ \d-]*(.*)$/.exec(line);
    if (failed !== null) return open.at(-1) ?? failed[2];
  }
  return undefined;
}

async function runOnce(name: string, seconds: number): Promise<FileResult> {
  const begun = performance.now();
  const child = spawn(process.execPath, [`build/test/${name}.test.js`], {
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, TAP_BAIL: "1", TAP: "1", TAP_TIMEOUT: `${seconds}` },
  });
  let hangs = false;
  const timer = setTimeout(() => {
    hangs = true;
    child.kill("SIGKILL");
  }, seconds * 1000);
  const text = await textOf(child);
  clearTimeout(timer);
  const failure = firstFailure(text);
  const ms = Math.round(performance.now() - begun);
  if (hangs) return { name, passed: false, ms, failure: `took more than ${seconds} s`, waited: false };
  if (child.exitCode === 0) return { name, passed: true, ms, failure: "", waited: false };
  const words = failure ?? `ended with status ${child.exitCode}`;
  return { name, passed: false, ms, failure: words, waited: WAITED.test(text) };
}

async function runFile(name: string, seconds: number): Promise<FileResult> {
  const result = await runOnce(name, seconds);
  return result.waited ? await runOnce(name, seconds) : result;
}

async function main([report = "", ...files]: readonly string[]): Promise<void> {
  const results: FileResult[] = [];
  for (const file of files) {
    const [name = "", seconds = "60"] = file.split("=");
    results.push(await runFile(name, Number(seconds)));
    if (results.at(-1)?.passed !== true) break;
  }
  writeFileSync(report, JSON.stringify(results));
}

await main(process.argv.slice(2));
