// Measures one runtime, row by row. A round measures each row once, and takes a fraction of a second: so
// runtimes can take turns, and other work of the machine affects all alike.

import { basename, join } from "node:path";
import type { Bundles } from "./bundles.ts";
import type { Peer } from "./knobs.ts";
import type { Row } from "./results.ts";
import type { Runner, Times } from "./runner.ts";

export interface Bench {
  readonly runner: Runner;
  /** A folder that is a tmpfs for the runner. */
  readonly folder: string;
  readonly bundles: Bundles;
  readonly rows: readonly Row[];
}

export type Samples = Map<Row, Times[]>;

/** How many containers `list` has to list. */
const LISTED = 300;
/** How many processes of `exec`, and how many lives, run at once. */
const EXECS = 20;
const LIVES = 10;

/** Measures one round of one runtime: all rows except those of lists. */
export async function measureRound(peer: Peer, bench: Bench, samples: Samples): Promise<void> {
  if (wants(bench, "whole life", "create", "start", "delete")) await shortLife(peer, bench, samples);
  if (wants(bench, "state", "exec", "kill", "20 execs at once")) await longLife(peer, bench, samples);
  await measure("run", bench, samples, () => call(peer, bench, runWords(bench.bundles.short)));
  if (wants(bench, "100 mounts")) {
    const { mounts } = bench.bundles;
    const create = ["create", "--bundle", mounts, basename(mounts)];
    await measure("100 mounts", bench, samples, () => call(peer, bench, create));
    await call(peer, bench, ["delete", "--force", basename(mounts)]);
  }
  await measure("10 lives at once", bench, samples, () => {
    const { many } = bench.bundles;
    const words = [peer.path, rootOf(peer, bench), many, `${basename(many)}-${peer.name}`] as const;
    return bench.runner.liveAtOnce(LIVES, bench.folder, ...words);
  });
}

/** Measures one round of lists; the containers must exist. */
export async function measureLists(peer: Peer, bench: Bench, samples: Samples): Promise<void> {
  await measure("list of 300", bench, samples, () => call(peer, bench, ["list"], "list"));
  await measure("list -q of 300", bench, samples, () => call(peer, bench, ["list", "-q"], "list"));
}

export function listsAreWanted(bench: Bench): boolean {
  return wants(bench, "list of 300", "list -q of 300");
}

/** Makes the containers that are listed, below a root of their own. They end together with the runner. */
export async function fillList(peer: Peer, bench: Bench): Promise<void> {
  const { manyLong } = bench.bundles;
  for (let each = 0; each < LISTED; each += 1) {
    const id = `${basename(manyLong)}-${peer.name}-${each}`;
    await call(peer, bench, ["run", "--detach", "--bundle", manyLong, id], "list");
  }
}

/** After a failure a container may be left; after success there is nothing to remove. */
export async function removeLeft(peer: Peer, bench: Bench): Promise<void> {
  const { short, long, mounts, many } = bench.bundles;
  const lives = Array.from({ length: LIVES }, (_, each) => `${basename(many)}-${peer.name}-${each}`);
  for (const id of [basename(short), basename(long), basename(mounts), ...lives]) {
    await call(peer, bench, ["delete", "--force", id]).catch(() => undefined);
  }
}

async function shortLife(peer: Peer, bench: Bench, samples: Samples): Promise<void> {
  const { short } = bench.bundles;
  const words = [peer.path, rootOf(peer, bench), short, basename(short)] as const;
  const life = await bench.runner.live(bench.folder, ...words);
  for (const step of ["create", "start", "delete"] as const) add(step, bench, samples, life[step]);
  add("whole life", bench, samples, life.all);
}

async function longLife(peer: Peer, bench: Bench, samples: Samples): Promise<void> {
  const { long } = bench.bundles;
  const id = basename(long);
  const pidFile = join(bench.folder, "pid");
  await call(peer, bench, ["create", "--bundle", long, "--pid-file", pidFile, id]);
  await call(peer, bench, ["start", id]);
  await measure("state", bench, samples, () => call(peer, bench, ["state", id]));
  const exec = ["exec", id, "/bin/true"];
  await measure("exec", bench, samples, () => call(peer, bench, exec));
  await measure("20 execs at once", bench, samples, () => call(peer, bench, exec, "short", EXECS));
  const kill = await call(peer, bench, ["kill", id, "KILL"]);
  add("kill", bench, samples, kill);
  await bench.runner.wait(pidFile);
  await call(peer, bench, ["delete", id]);
}

function runWords(bundle: string): readonly string[] {
  return ["run", "--bundle", bundle, basename(bundle)];
}

type Root = "short" | "list";

/** Each runtime has a state root of its own, and another one for the containers that are listed. */
function rootOf(peer: Peer, { folder }: Bench, root: Root = "short"): string {
  return join(folder, `${peer.name}-${root}`);
}

function call(peer: Peer, bench: Bench, words: readonly string[], root?: Root, atOnce = 1): Promise<Times> {
  return bench.runner.call([peer.path, "--root", rootOf(peer, bench, root), ...words], atOnce);
}

async function measure(
  row: Row,
  bench: Bench,
  samples: Samples,
  action: () => Promise<Times>,
): Promise<void> {
  if (wants(bench, row)) add(row, bench, samples, await action());
}

function add(row: Row, bench: Bench, samples: Samples, times: Times): void {
  if (!wants(bench, row)) return;
  const before = samples.get(row);
  if (before === undefined) samples.set(row, [times]);
  else before.push(times);
}

function wants({ rows }: Bench, ...some: readonly Row[]): boolean {
  return some.some((row) => rows.includes(row));
}
