// `events`: a container's resource usage, and the event that it runs out of memory.

import { OomWatch } from "../cgroups/oom-watch.ts";
import { noCgroup } from "../cgroups/refusal.ts";
import { readStats } from "../cgroups/stats/read.ts";
import type { Stats } from "../cgroups/stats/stats.ts";
import { TsrunError } from "../errors.ts";
import { readRdtStats } from "../rdt/host.ts";
import { explainWatch } from "./causes.ts";
import type { GlobalOptions } from "./options.ts";
import type { StateRecord } from "./record.ts";
import { isAlive } from "./status.ts";
import { getStateDirectory } from "./store.ts";

export type ContainerEvent =
  | { readonly type: "stats"; readonly id: string; readonly data: Stats }
  | { readonly type: "oom"; readonly id: string };

/** What the container uses now. */
export function containerStats(globals: GlobalOptions, id: string): ContainerEvent {
  return statsOf(loadRunning(globals, id));
}

function statsOf({ id, cgroup, rdt }: StateRecord): ContainerEvent {
  const stats = readStats(cgroup);
  return { type: "stats", id, data: rdt === undefined ? stats : { ...stats, intel_rdt: readRdtStats(rdt) } };
}

/**
 * Reports the container's usage at intervals, and each time that it runs out of memory, until its cgroup is
 * empty or gone.
 */
export function watchContainer(
  globals: GlobalOptions,
  { id, intervalMs, tell }: { id: string; intervalMs: number; tell: (event: ContainerEvent) => void },
): void {
  const record = loadRunning(globals, id);
  using watch = openWatch(record);
  let next = performance.now() + intervalMs;
  for (;;) {
    const event = watch.wait(Math.max(0, next - performance.now()));
    if (event === "end") return;
    if (event === "oom") tell({ type: "oom", id });
    if (performance.now() < next) continue;
    tell(statsOf(record));
    // After a slow reader, do not catch up with a burst of lines.
    next = Math.max(next + intervalMs, performance.now());
  }
}

function openWatch({ cgroup }: StateRecord): OomWatch {
  try {
    return OomWatch.of(cgroup);
  } catch (error) {
    throw explainWatch(error);
  }
}

function loadRunning(globals: GlobalOptions, id: string): StateRecord {
  using directory = getStateDirectory(globals.root, id);
  const record = directory.load();
  if (isAlive(record)) {
    if (record.cgroup.isDisabled === true) throw noCgroup("tell what it uses");
    return record;
  }
  throw new TsrunError("E_STATE", `container with id ${id} is not running`);
}
