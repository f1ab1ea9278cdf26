// Finds the frozen cgroup that keeps a container's processes from running: the container's own, or one above
// it. Called by create, restore, start and exec, when a process does not answer, and by `why`.

import { TsrunError } from "../errors.ts";
import { tryWriteFile } from "../linux/files/files.ts";
import { SIGKILL } from "../linux/numbers/sched.ts";
import { processStatus } from "../linux/process/process.ts";
import { signalListed } from "../linux/process/process-handle.ts";
import { PROXY_NAME } from "../proxy/name.ts";
import type { Hindrance } from "../proxy/proxy.ts";
import { isFrozenV1, isFrozenV2 } from "./freezer.ts";
import type { CgroupRecord } from "./record.ts";
import { exists, processesBelow } from "./tree.ts";

export interface Frozen {
  readonly cgroup: string;
  /** The file that freezes it. */
  readonly file: "freezer.state" | "cgroup.freeze";
}

/**
 * Those of the container's cgroup and the cgroups above it that are frozen themselves, the lowest first. On
 * hybrid hosts either hierarchy may freeze.
 */
export function* frozenAround({ driver, paths }: CgroupRecord): Generator<Frozen> {
  if (driver !== "v2") yield* frozenUpwards(paths.freezer, "freezer.state", isFrozenV1);
  yield* frozenUpwards(paths[""], "cgroup.freeze", isFrozenV2);
}

/** Goes up to the root of the hierarchy, which has no such file. */
function* frozenUpwards(
  own: string | undefined,
  file: Frozen["file"],
  isFrozen: (path: string) => boolean,
): Generator<Frozen> {
  for (let at = own ?? ""; at !== "" && exists(`${at}/${file}`); at = above(at)) {
    if (isFrozen(at)) yield { cgroup: at, file };
  }
}

const above = (path: string): string => path.slice(0, path.lastIndexOf("/"));

/** How to let the processes in it run again. */
function howToThaw({ cgroup, file }: Frozen): string {
  return `echo ${file === "cgroup.freeze" ? "0" : "THAWED"} >${cgroup}/${file}`;
}

interface HindranceOptions {
  /** What the caller may do instead of thawing the cgroup; the end of the hint. */
  readonly otherwise?: string;
  /** Whether the container may be paused: then its own, frozen cgroup is no hindrance. */
  readonly mayBePaused?: boolean;
  /** The container's first process, if it is there already. */
  readonly first?: number;
}

/** What the caller may do instead if the container does not exist yet. */
export const OR_ANOTHER_PATH = ", or choose another linux.cgroupsPath";

/** What may keep a process that tsrun starts in a container's cgroup from answering. */
export function frozenHindrance(record: CgroupRecord, options: HindranceOptions = {}): Hindrance {
  const { otherwise = "", mayBePaused = false, first } = options;
  const own = mayBePaused ? record.paths[record.driver === "v2" ? "" : "freezer"] : undefined;
  return () => {
    const found = [...frozenAround(record)];
    const lowest = found.find(({ cgroup }) => cgroup !== own);
    if (lowest === undefined) return undefined;
    return {
      error: frozenError("start a process", lowest, otherwise),
      giveUp: () => {
        const highest = found.findLast(({ file }) => file === "freezer.state");
        if (highest !== undefined) endFrozen(record, highest, first);
      },
    };
  };
}

/** The error if a frozen cgroup prevents something. Its hint says how to thaw it, and then `otherwise`. */
export function frozenError(attempt: string, frozen: Frozen, otherwise: string): TsrunError {
  const words = `cannot ${attempt} in a frozen cgroup: "${frozen.cgroup}"`;
  return new TsrunError("E_CGROUP", words, { hint: `${howToThaw(frozen)}${otherwise}` });
}

/**
 * Kills the processes that this tsrun has started there and that have not executed a program yet, and no
 * others of the container: a shim is the parent of all that run in it. In a frozen cgroup of v1 even SIGKILL
 * has no effect until they have left it.
 */
function endFrozen({ paths }: CgroupRecord, { cgroup }: Frozen, first: number | undefined): void {
  // A process is frozen as soon as it is in this cgroup, even if it was to join others afterwards.
  const list = (): number[] => processesBelow(paths.freezer ?? "");
  const isProxy = (pid: number): boolean => {
    const status = processStatus(pid);
    return status?.parent === process.pid && status.name === PROXY_NAME;
  };
  // Until `start`, the first process is a proxy as well.
  const pids = list().filter((pid) => pid !== first && isProxy(pid));
  signalListed(pids, SIGKILL, list);
  for (const pid of pids) tryWriteFile(`${above(cgroup)}/cgroup.procs`, String(pid));
}
