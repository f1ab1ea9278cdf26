// Compares resource limits with the text of /proc/PID/limits (proc_pid_limits(5)). Pure.

import { RLIM_INFINITY, type RlimitName } from "../linux/numbers/rlimits.ts";
import type { PlannedRlimit } from "../process/plan.ts";
import type { Difference } from "./model.ts";

/** The kernel's words for them (fs/proc/base.c, `lnames`). */
const LINES: Readonly<Record<RlimitName, string>> = {
  RLIMIT_CPU: "Max cpu time",
  RLIMIT_FSIZE: "Max file size",
  RLIMIT_DATA: "Max data size",
  RLIMIT_STACK: "Max stack size",
  RLIMIT_CORE: "Max core file size",
  RLIMIT_RSS: "Max resident set",
  RLIMIT_NPROC: "Max processes",
  RLIMIT_NOFILE: "Max open files",
  RLIMIT_MEMLOCK: "Max locked memory",
  RLIMIT_AS: "Max address space",
  RLIMIT_LOCKS: "Max file locks",
  RLIMIT_SIGPENDING: "Max pending signals",
  RLIMIT_MSGQUEUE: "Max msgqueue size",
  RLIMIT_NICE: "Max nice priority",
  RLIMIT_RTPRIO: "Max realtime priority",
  RLIMIT_RTTIME: "Max realtime timeout",
};

export function compareRlimits(rlimits: readonly PlannedRlimit[], limits: string): Difference[] {
  // AS RUNC: of two limits for one resource, the later counts.
  const asked = new Map(rlimits.map((one) => [one.name, one]));
  return [...asked.values()].flatMap((one) => compareOne(one, limits));
}

function compareOne({ name, soft, hard }: PlannedRlimit, limits: string): Difference[] {
  const line = limits.split("\n").find((candidate) => candidate.startsWith(`${LINES[name]} `));
  const [, foundSoft, foundHard] = /(\d+|unlimited) +(\d+|unlimited)/.exec(line?.slice(20) ?? "") ?? [];
  if (foundSoft === undefined || foundHard === undefined) return [];
  const found = { soft: parseLimit(foundSoft), hard: parseLimit(foundHard) };
  if (found.soft === soft && found.hard === hard) return [];
  // A process may lower its own limits, and raise a soft limit up to the hard one, as programs in Go do.
  const isOwn = found.hard <= hard;
  const word = name.slice("RLIMIT_".length).toLowerCase();
  return [
    {
      topic: "process",
      what: name,
      asked: pair(soft, hard),
      found: pair(found.soft, found.hard),
      costs: isOwn
        ? "the program has another limit than asked for"
        : "the program may use more than asked for",
      next: `prlimit --pid PID --${word}=${option(soft)}:${option(hard)}`,
      ...(isOwn ? { own: true as const } : {}),
    },
  ];
}

const parseLimit = (text: string): bigint => (text === "unlimited" ? RLIM_INFINITY : BigInt(text));
const option = (value: bigint): string => (value === RLIM_INFINITY ? "unlimited" : value.toString());

function pair(soft: bigint, hard: bigint): string {
  return soft === hard ? option(soft) : `${option(soft)}, hard ${option(hard)}`;
}
