// `make bench`: measures tsrun, runc and crun, interleaved in one run, so that other work of the machine
// affects all alike. Prints medians in milliseconds, and tsrun's as a multiple of the others', and keeps them
// in a file. docs/testing.md lists the settings. Runs under Bun.

import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, release, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { cgroupHierarchies } from "../support/host.ts";
import { type Bundles, makeBundles } from "./bundles.ts";
import { type Knobs, type Peer, readKnobs } from "./knobs.ts";
import {
  type Bench,
  fillList,
  listsAreWanted,
  measureLists,
  measureRound,
  removeLeft,
  type Samples,
} from "./measure.ts";
import { print, printBlock } from "./print.ts";
import {
  type Block,
  type Cgroups,
  type Figures,
  figureOf,
  RESULTS,
  ROWS,
  readResults,
  renew,
  writeResults,
} from "./results.ts";
import { type Arena, compileRunner, outputOf, Runner, type Times } from "./runner.ts";

const WARM_UP_ROUNDS = 2;
/** The file for results that are not checked in. */
const LAST = "build/bench.json";

/** What is measured in the namespaces of one version of cgroups. */
interface Session {
  readonly knobs: Knobs;
  readonly arena: Arena;
  readonly runner: Runner;
  readonly peers: readonly Peer[];
  readonly versions: Readonly<Record<string, string>>;
  /** Bundles with and without a seccomp profile. */
  readonly bundles: ReadonlyMap<boolean, Bundles>;
}

type Round = (peer: Peer, bench: Bench, samples: Samples) => Promise<void>;

async function main(): Promise<number> {
  const knobs = readKnobs(process.env);
  for (const name of knobs.missing) print(`skip ${name}: not on this machine`);
  const folder = mkdtempSync(join(tmpdir(), "tsrun-bench-"));
  const blocks: Block[] = [];
  try {
    compileRunner(folder);
    const peers = knobs.peers.map((peer) => installed(peer, folder));
    mkdirSync(join(folder, "state"));
    for (const cgroups of knobs.cgroups)
      blocks.push(...(await measureUnder(cgroups, folder, { ...knobs, peers })));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (blocks.length === 0) return 1;
  mkdirSync("build", { recursive: true });
  writeResults(LAST, renew([], blocks));
  print(`\nkept in ${LAST}`);
  if (knobs.save) save(blocks, knobs);
  return 0;
}

/** Results that are checked in must be complete: every row, and only the usual runtimes. */
function save(blocks: readonly Block[], knobs: Knobs): void {
  if (knobs.rows.length < ROWS.length || knobs.peers.some(({ name }) => name === "base")) {
    throw new Error("SAVE=1 wants all rows, and no BASE");
  }
  writeResults(RESULTS, renew(readResults(), blocks));
  print(`and in ${RESULTS}; make bench-page writes README's table, docs/bench.md and docs/bench.svg anew`);
}

/**
 * A copy, as an installation makes one. Pages of a file that a linker has written piece by piece lie apart in
 * memory, and the same program takes up to a tenth longer from them.
 */
function installed({ name, path }: Peer, folder: string): Peer {
  const copy = join(folder, name);
  copyFileSync(path, copy);
  return { name, path: copy };
}

async function measureUnder(cgroups: Cgroups, folder: string, knobs: Knobs): Promise<Block[]> {
  const hierarchies = cgroupHierarchies();
  if (cgroups === "v1" && !hierarchies.some(({ version }) => version === 1)) {
    print("skip cgroup v1: this machine has none of its hierarchies");
    return [];
  }
  const given = hierarchies.filter(({ version }) => version === Number(cgroups.slice(1)));
  const controllers = given.flatMap((hierarchy) => hierarchy.controllers);
  const limits = ["memory", "pids"].every((name) => controllers.includes(name));
  const mark = folder.slice(folder.lastIndexOf("-") + 1).toLowerCase();
  const arena = { folder, cgroups, libraries: knobs.libraries, mark };
  const bundlesOf = (seccomp: boolean) =>
    makeBundles(join(folder, `${cgroups}-${seccomp}`), `bench-${mark}`, { seccomp, limits });
  const bundles = new Map([false, true].map((seccomp) => [seccomp, bundlesOf(seccomp)]));
  const versions = versionsOf(knobs.peers, arena);
  const runner = new Runner(arena);
  try {
    const peers = await working(knobs, (peer) =>
      tryOut(peer, benchOf({ knobs, arena, runner, bundles }, false)),
    );
    return peers.length === 0 ? [] : await measureAll({ knobs, arena, runner, bundles, peers, versions });
  } finally {
    await runner.end();
  }
}

async function measureAll(session: Session): Promise<Block[]> {
  const { knobs } = session;
  const blocks: Block[] = [];
  for (const busy of knobs.busy) {
    for (const seccomp of knobs.seccomp) {
      print(`cgroup ${session.arena.cgroups}, seccomp ${Number(seccomp)}, busy ${Number(busy)}…`);
      const rows = await rounds(session, { seccomp, busy }, measureRound);
      blocks.push(await blockOf(session, { seccomp, busy }, rows));
    }
  }
  const bench = benchOf(session, false);
  // A profile makes no difference to lists. These many containers come last, since they may slow down
  // everything else.
  if (listsAreWanted(bench) && knobs.seccomp.includes(false)) {
    print(`cgroup ${session.arena.cgroups}, lists…`);
    for (const peer of session.peers) await fillList(peer, bench);
    for (const [index, block] of blocks.entries()) {
      if (block.seccomp) continue;
      const lists = await rounds(session, block, measureLists);
      blocks[index] = { ...block, rows: { ...block.rows, ...lists } };
    }
  }
  for (const block of blocks)
    printBlock(
      block,
      session.peers.map(({ name }) => name),
    );
  return blocks;
}

interface Conditions {
  readonly seccomp: boolean;
  readonly busy: boolean;
}

/** For the kernel to remove the namespaces and cgroups that the runtime before has left. */
const PAUSE_MS = 50;

/** The order changes, so that no runtime always finds the caches that the same other one has left. */
function inTurn(peers: readonly Peer[], round: number): Peer[] {
  const from = round % peers.length;
  const rotated = [...peers.slice(from), ...peers.slice(0, from)];
  return Math.floor(round / peers.length) % 2 === 0 ? rotated : rotated.reverse();
}

/** As many rounds as are asked for, of all runtimes in turn. */
async function rounds(session: Session, { seccomp, busy }: Conditions, round: Round): Promise<Block["rows"]> {
  const { peers, runner, knobs } = session;
  const bench = benchOf(session, seccomp);
  const samples = new Map(peers.map(({ name }) => [name, new Map() as Samples]));
  await runner.keepBusy(busy ? availableParallelism() : 0);
  for (let each = -WARM_UP_ROUNDS; each < knobs.rounds; each += 1) {
    for (const peer of inTurn(peers, each + WARM_UP_ROUNDS)) {
      const kept = each < 0 ? undefined : samples.get(peer.name);
      await setTimeout(PAUSE_MS);
      // After the pause its first command would find cold caches.
      await runner.call([peer.path, "--version"]);
      await round(peer, bench, kept ?? new Map());
    }
  }
  await runner.keepBusy(0);
  const rows: Partial<Record<(typeof ROWS)[number], Figures>> = {};
  for (const row of ROWS) {
    const figures = peers.flatMap(({ name }) => {
      const times = samples.get(name)?.get(row);
      return times === undefined ? [] : [[name, figureOf(times)] as const];
    });
    if (figures.length > 0) rows[row] = Object.fromEntries(figures);
  }
  return rows;
}

async function blockOf(session: Session, conditions: Conditions, rows: Block["rows"]): Promise<Block> {
  const { arena, runner, versions, knobs } = session;
  const nothing: Times[] = [];
  await runner.keepBusy(conditions.busy ? availableParallelism() : 0);
  for (let each = 0; each < knobs.rounds; each += 1) {
    nothing.push(await runner.call([join(arena.folder, "runner"), "nothing"]));
  }
  await runner.keepBusy(0);
  return {
    cgroups: arena.cgroups,
    ...conditions,
    rounds: knobs.rounds,
    date: new Date().toISOString().slice(0, 10),
    kernel: `Linux ${release()}`,
    processor: /^model name\s*:\s*(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? process.arch,
    processors: availableParallelism(),
    versions,
    nothing: figureOf(nothing),
    rows,
  };
}

function benchOf(session: Pick<Session, "knobs" | "arena" | "runner" | "bundles">, seccomp: boolean): Bench {
  const { knobs, arena, runner } = session;
  const bundles = session.bundles.get(seccomp);
  if (bundles === undefined) throw new Error("no bundles");
  return { runner, folder: join(arena.folder, "state"), bundles, rows: knobs.rows };
}

async function tryOut(peer: Peer, bench: Bench): Promise<void> {
  try {
    await measureRound(peer, { ...bench, rows: ROWS }, new Map());
  } catch (error) {
    await removeLeft(peer, bench);
    throw error;
  }
}

/** Leaves out a runtime that cannot run the bundles here, and prints its error. */
async function working(knobs: Knobs, attempt: (peer: Peer) => Promise<void>): Promise<Peer[]> {
  const peers: Peer[] = [];
  for (const peer of knobs.peers) {
    try {
      await attempt(peer);
      peers.push(peer);
    } catch (error) {
      print(`skip ${peer.name}: ${error instanceof Error ? error.message : error}`);
    }
  }
  return peers;
}

/** `1.28` of `crun version 1.28`; tsrun's names the commit, since its number tells little. */
function versionsOf(peers: readonly Peer[], arena: Arena): Record<string, string> {
  return Object.fromEntries(
    peers.map(({ name, path }) => {
      const said = outputOf(arena, [path, "--version"]);
      const version = /version (\S+)\n/.exec(said)?.[1] ?? "unknown";
      const commit = name === "runc" || name === "crun" ? undefined : /^commit: (\w{12})/m.exec(said)?.[1];
      return [name, commit === undefined ? version : `${version} (${commit})`];
    }),
  );
}

process.exitCode = await main();
