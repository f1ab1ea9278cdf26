// Rules about a process, of config.json and of the file that exec reads; runtime-spec config.md#process.

import { quoted } from "../shorten.ts";
import type { Process } from "../types.ts";
import { hasNul, isAbsolute, NUL_REASON, type PartRule, type Report } from "./report.ts";

export const PROCESS_RULES: readonly PartRule<Process>[] = [
  { reads: ["/cwd"], check: cwd },
  { reads: ["/args"], check: args },
  { about: "env", reads: [], check: env },
  { about: "user", reads: ["/user"], check: user },
  { about: "rlimits", reads: [], check: rlimits },
  { about: "scheduler", reads: ["/scheduler"], check: scheduler },
  { about: "ioPriority", reads: ["/ioPriority"], check: ioPriority },
  { about: "execCPUAffinity", reads: ["/execCPUAffinity"], check: affinity },
];

// AS RUNC: the texts of the rules about cwd and args, which callers know.

function cwd(process: Process, at: string, report: Report): void {
  if (process.cwd === "") report.fault(`${at}/cwd`, "Cwd property must not be empty");
  else if (!isAbsolute(process.cwd)) report.fault(`${at}/cwd`, "Cwd must be an absolute path");
  if (hasNul(process.cwd)) report.fault(`${at}/cwd`, NUL_REASON);
}

function args(process: Process, at: string, report: Report): void {
  const given = process.args ?? [];
  if (given.length === 0) report.fault(`${at}/args`, "args must not be empty");
  for (let index = 0; index < given.length; index++) {
    if (hasNul(given[index] ?? "")) report.fault(`${at}/args/${index}`, NUL_REASON);
  }
}

function env(process: Process, at: string, report: Report): void {
  const list = `${at}/env`;
  report.each(process.env, list, (entry, index) => {
    const nameEnd = entry.indexOf("=");
    // Do not print the entry: it may be a password.
    if (nameEnd === -1) report.fault(`${list}/${index}`, `must be "NAME=value", has no "="`);
    if (nameEnd === 0) report.fault(`${list}/${index}`, `must be "NAME=value", has no name`);
    if (hasNul(entry)) report.fault(`${list}/${index}`, NUL_REASON);
  });
}

/** The largest 32-bit number means "no change" to setresuid(2) and similar calls. */
const NO_ID = 0xffffffff;

function user(process: Process, at: string, report: Report): void {
  const { uid, gid, additionalGids = [], username } = process.user ?? {};
  if (username !== undefined && username !== "") {
    report.warn(`${at}/user/username`, "is for Windows, ignoring: on Linux uid and gid say who it is");
  }
  const check = (id: number | undefined, pointer: string): void => {
    if (id === NO_ID) report.fault(pointer, `must be at most ${NO_ID - 1}, is ${id}`);
  };
  check(uid, `${at}/user/uid`);
  check(gid, `${at}/user/gid`);
  additionalGids.forEach((id, index) => {
    check(id, `${at}/user/additionalGids/${index}`);
  });
}

function rlimits(process: Process, at: string, report: Report): void {
  const seen = new Map<string, number>();
  const list = `${at}/rlimits`;
  report.each(process.rlimits, list, ({ type, soft, hard }, index) => {
    const pointer = `${list}/${index}`;
    const earlier = seen.get(type);
    if (earlier !== undefined) report.fault(`${pointer}/type`, `duplicate limit, see ${list}/${earlier}`);
    seen.set(type, index);
    if (soft > hard) report.fault(`${pointer}/soft`, `must be at most the hard limit, ${hard}, is ${soft}`);
  });
}

function scheduler(process: Process, at: string, report: Report): void {
  if (process.scheduler === undefined) return;
  const { policy, nice = 0, priority = 0, ...times } = process.scheduler;
  const base = `${at}/scheduler`;
  const realTime = policy === "SCHED_FIFO" || policy === "SCHED_RR";
  if ((policy === "SCHED_OTHER" || policy === "SCHED_BATCH") && (nice < -20 || nice > 19)) {
    report.fault(`${base}/nice`, `must be from -20 to 19, is ${nice}`);
  }
  if (priority !== 0 && !realTime) {
    report.fault(`${base}/priority`, `is for SCHED_FIFO and SCHED_RR only, the policy is ${policy}`);
  }
  if (realTime && (priority < 1 || priority > 99)) {
    report.fault(`${base}/priority`, `must be from 1 to 99 for ${policy}, is ${priority}`);
  }
  for (const name of ["runtime", "deadline", "period"] as const) {
    if ((times[name] ?? 0) === 0 || policy === "SCHED_DEADLINE") continue;
    report.fault(`${base}/${name}`, `is for SCHED_DEADLINE only, the policy is ${policy}`);
  }
}

function ioPriority(process: Process, at: string, report: Report): void {
  const priority = process.ioPriority?.priority ?? 0;
  if (priority < 0 || priority > 7) {
    report.fault(`${at}/ioPriority/priority`, `must be from 0 to 7, is ${priority}`);
  }
}

function affinity(process: Process, at: string, report: Report): void {
  for (const name of ["initial", "final"] as const) {
    const reason = numberListFault(process.execCPUAffinity?.[name] ?? "");
    if (reason !== undefined) report.fault(`${at}/execCPUAffinity/${name}`, reason);
  }
}

/** No kernel is built for more processors or memory nodes. */
const MOST_NUMBERED = 65536;

/** The fault in a list such as `0-3,7`. AS RUNC: empty elements are ignored. */
export function numberListFault(list: string): string | undefined {
  if (list === "") return undefined;
  for (const element of list.split(",").map((text) => text.trim())) {
    const match = /^(\d+)(?:\s*-\s*(\d+))?$/.exec(element);
    if (element === "") continue;
    const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
    if (last >= MOST_NUMBERED) return `must have numbers below ${MOST_NUMBERED}, has ${quoted(element)}`;
    if (last >= first) continue;
    return `must be a list such as "0-3,7", ${JSON.stringify(element)} is neither a number nor a range`;
  }
  return undefined;
}
