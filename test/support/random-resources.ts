// Random resources, mostly valid ones: a case that both runtimes refuse shows little. A seed reproduces them.

import { readFileSync } from "node:fs";
import { controllerHierarchy } from "./host.ts";
import { randomWords } from "./random.ts";

const MIB = 1 << 20;

export class Random {
  readonly #word: () => number;

  constructor(seed: number) {
    this.#word = randomWords(seed);
  }

  /** A number from 0 up to, not including, 1. */
  next(): number {
    return this.#word() / 2 ** 32;
  }

  integer(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  pick<T>(...choices: readonly [T, ...T[]]): T {
    return choices[this.integer(0, choices.length - 1)] ?? choices[0];
  }

  /** The members of some of the parts. */
  some(...parts: readonly (() => object)[]): object {
    return Object.assign({}, ...parts.filter(() => this.next() < 0.5).map((part) => part()));
  }
}

export interface ResourceOptions {
  /** Only members that an update of runc reads. */
  readonly update?: boolean;
  /** With block devices, which an update reads since runc 1.3. */
  readonly devices?: boolean;
}

export function randomResources(
  random: Random,
  version: 1 | 2,
  { update = false, devices: withDevices = true }: ResourceOptions = {},
): object {
  const resources = random.some(
    () => ({ memory: memory(random, version, update) }),
    () => ({ cpu: cpu(random, version) }),
    // Not 0, which is 1 to tsrun and to runc from 1.4.0 on, and no limit before.
    () => ({ pids: { limit: random.pick(-1, random.integer(60, 9999), 2 ** 22) } }),
    ...(withDevices ? [() => ({ blockIO: blockIO(random) })] : []),
    ...(update || version === 2 ? [] : [() => ({ network: network(random) })]),
    ...(version === 1 ? [] : [() => ({ unified: unified(random) })]),
    ...(update ? [] : [() => ({ devices: devices(random) })]),
  );
  return withoutConflict(resources);
}

/**
 * Removes one of two weights: the later write counts, but an update of runc later writes only the shares
 * again.
 */
function withoutConflict(resources: { cpu?: { shares?: number }; unified?: object }): object {
  const { cpu, unified } = resources;
  if (cpu?.shares === undefined || unified === undefined) return resources;
  const { "cpu.weight": _weight, ...others } = unified as Record<string, string>;
  return { ...resources, unified: others };
}

function memory(random: Random, version: 1 | 2, update: boolean): object {
  const limit = random.integer(64, 512) * MIB;
  const swap = limit + random.integer(0, 64) * MIB;
  return random.some(
    // Swap alone has a different meaning in each version, and is usually refused.
    () =>
      random.pick<object>(
        { limit },
        { limit, swap },
        { limit, swap: -1 },
        { limit: -1 },
        { limit: -1, swap: -1 },
      ),
    () => ({ reservation: random.pick(-1, random.integer(1, 64) * MIB) }),
    ...(update || version === 2
      ? []
      : [
          () => ({ swappiness: random.integer(0, 100) }),
          () => ({ disableOOMKiller: random.pick(true, false) }),
        ]),
    () => ({ checkBeforeUpdate: random.pick(true, false) }),
  );
}

function cpu(random: Random, version: 1 | 2): object {
  return random.some(
    () => ({ shares: random.pick(0, 2, 1024, 262144, random.integer(2, 5000)) }),
    () => ({ quota: random.pick(-1, random.integer(1000, 400_000)) }),
    () => ({ period: random.pick(0, random.integer(1000, 1_000_000)) }),
    () => ({ cpus: random.pick("", "0", "0-1", "0,1") }),
    () => ({ mems: random.pick("", "0") }),
    // The cgroup has no weight then, and v1's shares are refused.
    ...(version === 1 ? [] : [() => ({ idle: 0 })]),
  );
}

function blockIO(random: Random): object {
  const device = blockDevice();
  const rates = (): object[] => (device === undefined ? [] : [{ ...device, rate: random.integer(0, 1e9) }]);
  return random.some(
    ...(hasWeight() ? [() => ({ weight: random.integer(10, 1000) })] : []),
    () => ({ throttleReadBpsDevice: rates() }),
    () => ({ throttleWriteBpsDevice: rates() }),
    () => ({ throttleReadIOPSDevice: rates() }),
    () => ({ throttleWriteIOPSDevice: rates() }),
  );
}

/** BFQ may not be there, or only for some cgroups. */
function hasWeight(): boolean {
  return controllerHierarchy("io") !== undefined;
}

/** A whole disk: only those can be throttled. */
function blockDevice(): { major: number; minor: number } | undefined {
  const lines = readFileSync("/proc/partitions", "utf8").split("\n").slice(2);
  const [major, minor] = (lines[0] ?? "").trim().split(/\s+/).map(Number);
  return major === undefined || minor === undefined || major === 0 ? undefined : { major, minor };
}

function network(random: Random): object {
  return random.some(
    () => ({ classID: random.integer(0, 0xffff_ffff) }),
    () => ({ priorities: [{ name: "lo", priority: random.integer(0, 9) }] }),
  );
}

function unified(random: Random): object {
  return random.some(
    () => ({ "memory.high": random.pick("max", String(random.integer(64, 512) * MIB)) }),
    () => ({ "memory.min": String(random.integer(0, 4) * MIB) }),
    () => ({ "pids.max": random.pick("max", String(random.integer(60, 999))) }),
    () => ({ "cpu.weight": String(random.integer(1, 10_000)) }),
  );
}

function devices(random: Random): object[] {
  const rules: object[] = [{ allow: false, access: "rwm" }];
  for (let count = random.integer(0, 4); count > 0; count--) {
    rules.push({
      allow: random.next() < 0.8,
      type: random.pick("c", "b"),
      major: random.integer(200, 220),
      minor: random.integer(0, 3),
      access: random.pick("r", "rw", "rwm", "m"),
    });
  }
  return rules;
}
