// One runtime's lives, timed command by command. Runs under Bun: its spawnSync costs what hyperfine's does
// (0.7 ms for /bin/true, Node's 1.2), and unlike hyperfine it can time the steps of one life.

import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Peer {
  readonly name: string;
  readonly path: string;
}

export interface Bench {
  /** Bundle whose program ends at once, and one whose program stays. */
  readonly shortBundle: string;
  readonly longBundle: string;
  /** One with a hundred mounts of several kinds. */
  readonly mountsBundle: string;
  readonly folder: string;
}

/** `100 mounts` is `create` with so many. */
export const MEASURES = [
  "create",
  "start",
  "state",
  "exec",
  "kill",
  "delete",
  "run",
  "whole life",
  "100 mounts",
] as const;
export type Measure = (typeof MEASURES)[number];
export type Times = Record<Measure, number[]>;

export function newTimes(): Times {
  const times: Partial<Times> = {};
  for (const measure of MEASURES) times[measure] = [];
  return times as Times;
}

/** One round of one runtime: a short life, a long one that is killed, a run, and one with many mounts. */
export function measureRound(peer: Peer, bench: Bench, times: Times): void {
  shortLife(peer, bench, times);
  longLife(peer, bench, times);
  time(times.run, () => call(peer, bench, ["run", "--bundle", bench.shortBundle, idOf(bench.shortBundle)]));
  const many = idOf(bench.mountsBundle);
  time(times["100 mounts"], () => call(peer, bench, ["create", "--bundle", bench.mountsBundle, many]));
  call(peer, bench, ["delete", "--force", many]);
}

function shortLife(peer: Peer, bench: Bench, times: Times): void {
  const id = idOf(bench.shortBundle);
  const pidFile = join(bench.folder, "pid");
  time(times["whole life"], () => {
    time(times.create, () =>
      call(peer, bench, ["create", "--bundle", bench.shortBundle, "--pid-file", pidFile, id]),
    );
    const pid = readFileSync(pidFile, "utf8").trim();
    time(times.start, () => call(peer, bench, ["start", id]));
    waitForEnd(pid);
    time(times.delete, () => call(peer, bench, ["delete", id]));
  });
}

function longLife(peer: Peer, bench: Bench, times: Times): void {
  const id = idOf(bench.longBundle);
  const pidFile = join(bench.folder, "pid");
  call(peer, bench, ["create", "--bundle", bench.longBundle, "--pid-file", pidFile, id]);
  call(peer, bench, ["start", id]);
  time(times.state, () => call(peer, bench, ["state", id]));
  time(times.exec, () => call(peer, bench, ["exec", id, "/bin/true"]));
  time(times.kill, () => call(peer, bench, ["kill", id, "KILL"]));
  waitForEnd(readFileSync(pidFile, "utf8").trim());
  call(peer, bench, ["delete", id]);
}

function idOf(bundle: string): string {
  return bundle.slice(bundle.lastIndexOf("/") + 1);
}

function time(into: number[], action: () => void): void {
  const before = Bun.nanoseconds();
  action();
  into.push((Bun.nanoseconds() - before) / 1e6);
}

/** Calls the runtime; a failure ends the benchmark, since times of failures mean nothing. */
export function call(peer: Peer, bench: Bench, args: readonly string[]): void {
  const errors = join(bench.folder, "stderr");
  const result = Bun.spawnSync([peer.path, "--root", join(bench.folder, peer.name), ...args], {
    stdio: ["ignore", "ignore", Bun.file(errors)],
    cwd: bench.folder,
    // A runtime that hangs is as good as one that fails.
    timeout: 20_000,
  });
  if (result.exitCode !== 0) {
    throw new Error(
      `${peer.name} ${args[0]} exited with ${result.exitCode}: ${readFileSync(errors, "utf8").trim()}`,
    );
  }
}

/** Until the process has ended or is a zombie; asked often, so that the answer is not older than 0.1 ms. */
function waitForEnd(pid: string): void {
  for (;;) {
    const state = processState(pid);
    if (state === undefined || state === "Z" || state === "X") return;
    Bun.sleepSync(0.1);
  }
}

function processState(pid: string): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat[stat.lastIndexOf(")") + 2];
  } catch {
    return undefined;
  }
}
