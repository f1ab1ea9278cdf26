// Runs the scenarios of this folder with one runtime handler of a running containerd: `node FILE HANDLER
// [PATTERN]`, called by scripts/conformance/cri.sh. Prints a line for each, in the format of the lab's suite:
// the name, the handler, the time, and "ok" or "FAIL" with a reason.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { until } from "../support/wait.ts";
import { Client } from "./client.ts";
import { type Traces, traces } from "./host.ts";
import { Pod } from "./pod.ts";
import { type Cluster, type Scenario, type Scenarios, Skipped } from "./scenario.ts";
import { classes } from "./scenarios/classes.ts";
import { confinement } from "./scenarios/confinement.ts";
import { many } from "./scenarios/many.ts";
import { pods } from "./scenarios/pods.ts";
import { probes } from "./scenarios/probes.ts";
import { resources } from "./scenarios/resources.ts";
import { restarts } from "./scenarios/restarts.ts";
import { volumes } from "./scenarios/volumes.ts";

const ALL: Scenarios = {
  ...pods,
  ...probes,
  ...volumes,
  ...confinement,
  ...resources,
  ...classes,
  ...many,
  ...restarts,
};
const FOLDERS = "/lab/own";
const LINE_LIMIT = 500;

async function main(handler: string, pattern: string): Promise<void> {
  const client = new Client();
  mkdirSync(FOLDERS, { recursive: true });
  for (const [name, scenario] of Object.entries(ALL)) {
    if (!new RegExp(pattern).test(name)) continue;
    const start = Date.now();
    const said = await attempt(client, handler, scenario);
    const line = `${name.padEnd(32)} ${handler.padEnd(6)} ${`${Date.now() - start}ms`.padStart(7)} ${said}`;
    writeSync(1, `${line.replace(/\s*\n\s*/g, " ").slice(0, LINE_LIMIT)}\n`);
  }
  client.close();
}

async function attempt(client: Client, handler: string, scenario: Scenario): Promise<string> {
  const before = traces();
  const made: Pod[] = [];
  const undo: (() => void)[] = [];
  const cluster: Cluster = {
    client,
    handler,
    pod: async (options) => {
      const pod = new Pod(client, handler, options);
      made.push(pod);
      return await pod.up();
    },
    folder: () => {
      const folder = mkdtempSync(`${FOLDERS}/`);
      chmodSync(folder, 0o755);
      return folder;
    },
    after: (action) => undo.push(action),
  };
  let said = "ok";
  try {
    const note = await scenario(cluster);
    if (note !== undefined) said = `ok (${note})`;
  } catch (error) {
    said = error instanceof Skipped ? `skip ${error.message}` : `FAIL ${words(error)}`;
  }
  const ends = await Promise.allSettled(made.map((pod) => pod.down()));
  const problems = ends.flatMap((end) => (end.status === "rejected" ? [words(end.reason)] : []));
  for (const action of undo.reverse()) action();
  problems.push(...(await leftovers(before)));
  rmSync(FOLDERS, { recursive: true, force: true });
  mkdirSync(FOLDERS);
  if (problems.length === 0) return said;
  return `${said.startsWith("FAIL") ? said : "FAIL"} afterwards: ${problems.join("; ")}`;
}

/** What is left; containerd finishes some of its cleanup a moment after it has answered. */
async function leftovers(before: Traces): Promise<string[]> {
  try {
    await until("traces to go", () => isDeepStrictEqual(traces(), before), 10_000);
    return [];
  } catch {
    const after = traces();
    const keys = Object.keys(after) as (keyof Traces)[];
    return keys
      .filter((key) => !isDeepStrictEqual(after[key], before[key]))
      .map((key) => `${key} were ${JSON.stringify(before[key])}, are ${JSON.stringify(after[key])}`);
  }
}

/** An error as a short line: first the message, then the place. */
function words(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "details" in error && typeof error.details === "string" ? error.details : error.message;
}

await main(process.argv[2] ?? "runc", process.argv[3] ?? ".");
