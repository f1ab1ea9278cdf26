// The results of runs on disk: scripts/conformance/results/RUNTIME/PART.tsv, and the comparison made from
// them.

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import { merge, type Run, readRun, writeRun } from "./outcomes.ts";
import type { Comparison, Reasons, Runs } from "./report.ts";

const HERE = "scripts/conformance";

/** The runtime that the page is about. */
export const SUBJECT = "tsrun";
/** The runtimes that it is compared with; the first is the reference. */
export const PEERS: readonly string[] = ["runc", "crun"];

export function loadRuns(runtime: string): Runs {
  const folder = folderOf(runtime);
  const files = existsSync(folder) ? readdirSync(folder).sort() : [];
  return new Map(
    files.map((file) => [basename(file, ".tsv"), readRun(readFileSync(`${folder}/${file}`, "utf8"))]),
  );
}

/** Saves the results of a run, replacing older ones of the same cases. */
export function saveRun(runtime: string, part: string, run: Run): void {
  const before = loadRuns(runtime).get(part);
  mkdirSync(folderOf(runtime), { recursive: true });
  writeFileSync(`${folderOf(runtime)}/${part}.tsv`, writeRun(merge(before, run)));
}

export function compare(runtime: string): Comparison {
  const reasons = JSON.parse(readFileSync(`${HERE}/reasons.json`, "utf8")) as Reasons;
  const peers = PEERS.filter((peer) => peer !== runtime).map((peer) => [peer, loadRuns(peer)] as const);
  return {
    subject: loadRuns(runtime),
    peers: new Map(peers),
    reasons: runtime === SUBJECT ? reasons : {},
  };
}

function folderOf(runtime: string): string {
  return `${HERE}/results/${runtime}`;
}
