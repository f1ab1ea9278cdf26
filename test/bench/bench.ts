// `make bench`: tsrun, runc and crun side by side, interleaved in one run, so that what else the machine does
// hits all alike. Prints medians in milliseconds and tsrun's time as a multiple of the others'. Runs under
// Bun.

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { baseConfig, type ConfigMount } from "../support/config.ts";
import { cgroupHierarchies, findProgram } from "../support/host.ts";
import { makeRootfs } from "../support/rootfs.ts";
import { type Bench, call, MEASURES, measureRound, newTimes, type Peer, type Times } from "./measure.ts";

const WARM_UP_ROUNDS = 2;
/** Set in the second start of this program, in the mount namespace without the unified hierarchy. */
const INNER = "TSRUN_BENCH_INNER";

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function findPeers(): Peer[] {
  const candidates = { tsrun: resolve("dist/tsrun"), runc: findProgram("runc"), crun: findProgram("crun") };
  return Object.entries(candidates).flatMap(([name, path]) => {
    if (path !== undefined && existsSync(path)) return [{ name, path }];
    if (process.env[INNER] === undefined) print(`skip ${name}: not on this machine`);
    return [];
  });
}

function makeBundle(folder: string, name: string, args: string[], mounts: ConfigMount[] = []): string {
  const bundle = join(folder, name);
  makeRootfs(join(bundle, "rootfs"), folder);
  const config = baseConfig(name);
  config.process.args = args;
  config.mounts.push(...mounts);
  config.linux.resources = { memory: { limit: 64 << 20 }, pids: { limit: 100 } };
  writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
  return bundle;
}

/** A hundred volumes as engines make them: directories and files, some read-only, and tmpfs between them. */
function manyMounts(folder: string): ConfigMount[] {
  const volume = join(folder, "volume");
  const file = join(volume, "file");
  mkdirSync(volume);
  writeFileSync(file, "");
  const kinds: Omit<ConfigMount, "destination">[] = [
    { type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "size=64k"] },
    { type: "bind", source: volume, options: ["bind", "ro"] },
    { type: "bind", source: file, options: ["bind"] },
    { type: "bind", source: volume, options: ["rbind", "nosuid", "rprivate"] },
    { type: "bind", source: file, options: ["rbind", "ro", "noexec"] },
  ];
  return Array.from({ length: 20 }, (_, round) =>
    kinds.map((kind, index) => ({ ...kind, destination: `/mnt/${round}-${index}` })),
  ).flat();
}

function makeBench(): Bench {
  const folder = mkdtempSync(join(tmpdir(), "tsrun-bench-"));
  const mark = folder.slice(folder.lastIndexOf("-") + 1).toLowerCase();
  mkdirSync(folder, { recursive: true });
  return {
    folder,
    shortBundle: makeBundle(folder, `bench-${mark}-short`, ["/bin/true"]),
    longBundle: makeBundle(folder, `bench-${mark}-long`, ["/bin/sleep", "1000"]),
    mountsBundle: makeBundle(folder, `bench-${mark}-mounts`, ["/bin/true"], manyMounts(folder)),
  };
}

/** Leaves out, with its words, a runtime that cannot run the bundle here. */
function working(peers: readonly Peer[], bench: Bench): Peer[] {
  return peers.filter((peer) => {
    try {
      for (let round = 0; round < WARM_UP_ROUNDS; round += 1) measureRound(peer, bench, newTimes());
      return true;
    } catch (error) {
      print(`skip ${peer.name}: ${error instanceof Error ? error.message : error}`);
      return false;
    }
  });
}

/**
 * crun refuses a cgroup layout with v1 and v2 side by side; all runtimes are then measured without the v2
 * part.
 */
function needsLegacyCgroups(peers: readonly Peer[]): boolean {
  const versions = new Set(cgroupHierarchies().map(({ version }) => version));
  return versions.size > 1 && peers.some(({ name }) => name === "crun") && process.env[INNER] === undefined;
}

function restartWithoutUnified(): number {
  const targets = cgroupHierarchies().filter(({ version }) => version === 2);
  const script = `${targets.map(({ mountpoint }) => `umount -l ${mountpoint}`).join(" && ")} && exec "$@"`;
  const command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"];
  print("cgroup v1 and v2 are mixed here and crun refuses that: v2 is unmounted for all of them");
  const result = Bun.spawnSync([...command, process.execPath, ...process.argv.slice(1)], {
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, [INNER]: "1" },
  });
  return result.exitCode;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2;
}

function report(peers: readonly Peer[], times: ReadonlyMap<string, Times>): void {
  const base = peers[0];
  const others = peers.slice(1);
  const heads = [...peers.map(({ name }) => name), ...others.map(({ name }) => `${base?.name}/${name}`)];
  print(["median ms".padEnd(12), ...heads.map((head) => head.padStart(11))].join(""));
  for (const measure of MEASURES) {
    const medians = peers.map(({ name }) => median(times.get(name)?.[measure] ?? []));
    const ratios = medians.slice(1).map((value) => `${((medians[0] ?? Number.NaN) / value).toFixed(2)}x`);
    const cells = [...medians.map((value) => value.toFixed(2)), ...ratios];
    print([measure.padEnd(12), ...cells.map((cell) => cell.padStart(11))].join(""));
  }
}

function main(): number {
  const { values } = parseArgs({ options: { rounds: { type: "string", default: "20" } } });
  const rounds = Number(values.rounds);
  const found = findPeers();
  if (needsLegacyCgroups(found)) return restartWithoutUnified();
  const bench = makeBench();
  try {
    const peers = working(found, bench);
    if (peers.length === 0) return 1;
    const times = new Map(peers.map(({ name }) => [name, newTimes()]));
    for (let round = 0; round < rounds; round += 1) {
      // Who goes first changes, so that nobody always runs on the caches that the same other one left.
      for (let turn = 0; turn < peers.length; turn += 1) {
        const peer = peers[(round + turn) % peers.length];
        if (peer !== undefined) measureRound(peer, bench, times.get(peer.name) ?? newTimes());
      }
    }
    print(`${rounds} rounds, one container at a time, /bin/true of busybox, memory and pids limits`);
    report(peers, times);
    return 0;
  } finally {
    for (const peer of found) for (const id of [bench.shortBundle, bench.longBundle]) remove(peer, bench, id);
    rmSync(bench.folder, { recursive: true, force: true });
  }
}

/** After a failure a container may be left; after success there is nothing to remove. */
function remove(peer: Peer, bench: Bench, bundle: string): void {
  try {
    call(peer, bench, ["delete", "--force", bundle.slice(bundle.lastIndexOf("/") + 1)]);
  } catch {
    // It was never made.
  }
}

process.exitCode = main();
