// `top`: what containers use now, beside each other, with the figures of `events`. Two looks at the counters
// of their cgroups make the rates.

import { readStats } from "../cgroups/stats/read.ts";
import type { BlkioEntry, Optional, Pressure, Stats } from "../cgroups/stats/stats.ts";
import { TsrunError, throwIfOutOfMemory } from "../errors.ts";
import { poll } from "../linux/files/poll.ts";
import { Screen, type Size } from "../terminal/screen.ts";
import type { GlobalOptions, Status } from "./options.ts";
import { ownCgroup } from "./own-cgroup.ts";
import { statusOf } from "./status.ts";
import { findStateDirectory, getStateDirectory, listIds } from "./store.ts";

/** What a container uses. A figure is absent if the kernel does not have it here. */
export interface Usage {
  readonly id: string;
  readonly status: Status | "gone";
  readonly pid: number;
  /** Of one processor: two that are busy are 200. */
  readonly cpuPercent?: number;
  /** In bytes. */
  readonly memory?: number;
  readonly memoryLimit?: number;
  readonly pids?: number;
  readonly pidsLimit?: number;
  /** Bytes in a second. */
  readonly readRate?: number;
  readonly writeRate?: number;
  /** Percent of the last ten seconds in which some process waited for it. */
  readonly pressure?: { readonly cpu: number; readonly memory: number; readonly io: number };
}

/** A usage, with the counters of which rates are made. */
interface Sample {
  readonly usage: Usage;
  readonly time: number;
  readonly cpu?: bigint;
  readonly read?: bigint;
  readonly written?: bigint;
}

export interface TopRequest {
  /** All containers of the root, if empty. */
  readonly ids: readonly string[];
  readonly intervalMs: number;
}

/** The first rates are of so short a time, so that nobody has to wait for them. */
const FIRST_MS = 500;

/** Looks twice, and returns what is used in between. */
export function usageOnce(globals: GlobalOptions, request: TopRequest): Usage[] {
  const watch = new Watch(globals, request);
  pause(Math.min(FIRST_MS, request.intervalMs));
  return watch.next();
}

/** Tells usage at intervals, until none of the named containers is left; of all of them, for ever. */
export function watchUsage(
  globals: GlobalOptions,
  { tell, ...request }: TopRequest & { readonly tell: (usage: readonly Usage[]) => void },
): void {
  const watch = new Watch(globals, request);
  let next = performance.now() + Math.min(FIRST_MS, request.intervalMs);
  for (;;) {
    pause(next - performance.now());
    const usage = watch.next();
    tell(usage);
    if (request.ids.length > 0 && usage.every(isOver)) return;
    next = Math.max(next + request.intervalMs, performance.now());
  }
}

/** Draws usage on the terminal, until `q` or a signal. Returns the exit status. */
export function showUsage(
  globals: GlobalOptions,
  {
    lay,
    ...request
  }: TopRequest & { readonly lay: (usage: readonly Usage[], size: Size) => readonly string[] },
): number {
  const watch = new Watch(globals, request);
  using screen = new Screen();
  let usage: readonly Usage[] = [];
  let next = performance.now() + Math.min(FIRST_MS, request.intervalMs);
  for (;;) {
    const wake = screen.wait(next - performance.now());
    if (typeof wake === "object") return wake.status;
    if (wake === "time") {
      usage = watch.next();
      next = Math.max(next + request.intervalMs, performance.now());
    }
    screen.draw(lay(usage, screen.size()));
  }
}

function pause(milliseconds: number): void {
  if (milliseconds > 0) poll([], milliseconds);
}

const isOver = ({ status }: Usage): boolean => status === "stopped" || status === "gone";

class Watch {
  readonly #globals: GlobalOptions;
  readonly #ids: readonly string[];
  #before: ReadonlyMap<string, Sample>;

  /** A named container that does not exist is an error now; later it may go. */
  constructor(globals: GlobalOptions, { ids }: TopRequest) {
    this.#globals = globals;
    this.#ids = [...new Set(ids)];
    for (const id of this.#ids) getStateDirectory(globals.root, id)[Symbol.dispose]();
    this.#before = this.#look();
  }

  next(): Usage[] {
    const now = this.#look();
    const usage = [...now.values()].map((sample) => withRates(sample, this.#before.get(sample.usage.id)));
    this.#before = now;
    return usage;
  }

  #look(): Map<string, Sample> {
    const { root } = this.#globals;
    const samples = new Map<string, Sample>();
    for (const id of this.#ids.length > 0 ? this.#ids : listIds(root)) {
      const sample = sampleOf(root, id);
      const isOf = this.#ids.length > 0 || (sample !== undefined && !isOver(sample.usage));
      if (isOf) samples.set(id, sample ?? { usage: { id, status: "gone", pid: 0 }, time: 0 });
    }
    return samples;
  }
}

/** `undefined` if it is gone, or cannot be read, which `list` tells. */
function sampleOf(root: string, id: string): Sample | undefined {
  try {
    const found = findStateDirectory(root, id);
    if (found === undefined) return undefined;
    using directory = found;
    const record = directory.load();
    const status = statusOf(record, directory);
    const bare = { id, status, pid: status === "stopped" ? 0 : record.init_process_pid };
    const time = performance.now();
    const cgroup = ownCgroup(record);
    const hasFigures = Object.keys(cgroup.paths).length > 0;
    if (status === "stopped" || !hasFigures) return { usage: bare, time };
    const stats = readStats(cgroup);
    return { ...countersOf(stats), usage: { ...bare, ...levelsOf(stats) }, time };
  } catch (error) {
    throwIfOutOfMemory(error);
    if (error instanceof TsrunError) return undefined;
    throw error;
  }
}

/** The kernel's numbers for "no limit". */
const ENDLESS = 1n << 62n;

function levelsOf({ memory, pids, cpu, blkio }: Stats): Partial<Usage> {
  const { usage, limit } = memory.usage;
  const hasLimit = limit > 0n && limit < ENDLESS;
  const psi = [cpu.psi, memory.psi, blkio.psi];
  return {
    ...(usage === undefined ? {} : { memory: Number(usage) }),
    ...(hasLimit ? { memoryLimit: Number(limit) } : {}),
    ...(pids.current === undefined ? {} : { pids: Number(pids.current) }),
    ...(pids.limit === undefined ? {} : { pidsLimit: Number(pids.limit) }),
    ...(psi.every((one) => one === undefined) ? {} : { pressure: pressureOf(psi) }),
  };
}

function pressureOf([cpu, memory, io]: readonly (Pressure | undefined)[]): NonNullable<Usage["pressure"]> {
  const some = (one: Pressure | undefined) => one?.some.avg10 ?? 0;
  return { cpu: some(cpu), memory: some(memory), io: some(io) };
}

function countersOf({ cpu, blkio }: Stats): Pick<Sample, "cpu" | "read" | "written"> {
  const { total } = cpu.usage;
  const entries = blkio.ioServiceBytesRecursive;
  return {
    ...(total === undefined ? {} : { cpu: total }),
    ...(entries === undefined ? {} : { read: sumOf(entries, "Read"), written: sumOf(entries, "Write") }),
  };
}

function sumOf(entries: readonly BlkioEntry[], op: string): bigint {
  const values: Optional[] = entries.filter((entry) => entry.op === op).map(({ value }) => value);
  return values.reduce<bigint>((sum, value) => sum + (value ?? 0n), 0n);
}

function withRates(now: Sample, before: Sample | undefined): Usage {
  const seconds = before === undefined ? 0 : (now.time - before.time) / 1000;
  if (before === undefined || seconds <= 0 || before.usage.pid !== now.usage.pid) return now.usage;
  const rate = (later: bigint | undefined, earlier = 0n) =>
    later === undefined ? undefined : Math.max(0, Number(later - earlier) / seconds);
  const cpu = rate(now.cpu, before.cpu);
  const [read, written] = [rate(now.read, before.read), rate(now.written, before.written)];
  return {
    ...now.usage,
    ...(cpu === undefined ? {} : { cpuPercent: cpu / 1e7 }),
    ...(read === undefined ? {} : { readRate: read }),
    ...(written === undefined ? {} : { writeRate: written }),
  };
}
