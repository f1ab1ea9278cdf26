// Finds the frozen cgroup that keeps a container's processes from running: the container's own, or one above
// it. Called by create and restore, when their first process does not answer, and by `why`.

import { TsrunError } from "../errors.ts";
import { tryWriteFile } from "../linux/files/files.ts";
import { SIGKILL } from "../linux/numbers/sched.ts";
import { signalListed } from "../linux/process/process-handle.ts";
import type { Hindrance } from "../proxy/proxy.ts";
import { isFrozenV1, isFrozenV2 } from "./freezer.ts";
import { readProcesses } from "./members.ts";
import type { CgroupRecord } from "./record.ts";
import { exists } from "./tree.ts";

export interface Frozen {
  readonly cgroup: string;
  /** The file that freezes it. */
  readonly file: "freezer.state" | "cgroup.freeze";
}

/** The cgroups that are frozen themselves, the lowest first. On hybrid hosts either hierarchy may freeze. */
export function* frozenAround({ driver, paths }: CgroupRecord): Generator<Frozen> {
  if (driver !== "v2") yield* frozenUpwards(paths.freezer, "freezer.state", isFrozenV1);
  yield* frozenUpwards(paths[""], "cgroup.freeze", isFrozenV2);
}

/** The root of a hierarchy has no such file. */
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

/** What may keep the processes of a container that is being made from answering. */
export function frozenHindrance(record: CgroupRecord): Hindrance {
  return () => {
    const [lowest, ...others] = frozenAround(record);
    if (lowest === undefined) return undefined;
    const highest = [lowest, ...others].findLast(({ file }) => file === "freezer.state");
    return {
      error: new TsrunError("E_CGROUP", `cannot start a process in a frozen cgroup: "${lowest.cgroup}"`, {
        hint: `${howToThaw(lowest)}, or choose another linux.cgroupsPath`,
      }),
      giveUp: () => {
        if (highest !== undefined) endFrozen(record, highest);
      },
    };
  };
}

/** Ends a container's processes. A frozen cgroup of v1 delays even SIGKILL until they have left it. */
function endFrozen(record: CgroupRecord, { cgroup }: Frozen): void {
  const pids = readProcesses(record);
  signalListed(pids, SIGKILL, () => readProcesses(record));
  for (const pid of pids) tryWriteFile(`${above(cgroup)}/cgroup.procs`, String(pid));
}
