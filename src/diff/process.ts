// Compares the first process with the configuration's `process`: user, privileges, seccomp, labels, limits.
// Pure: the caller has read the files of /proc. proc_pid_status(5).

import { statusField, statusNumber } from "../linux/process/proc-text.ts";
import { hostId } from "../namespaces/plan.ts";
import type { CapabilityMasks } from "../process/capabilities.ts";
import type { ProcessPlan } from "../process/plan.ts";
import type { IDMapping } from "../spec/types.ts";
import { compareCapabilities } from "./capabilities.ts";
import type { Difference } from "./model.ts";
import { compareRlimits } from "./rlimits.ts";

/** What has been read of the first process. */
export interface ProcessFacts {
  readonly pid: number;
  /** /proc/PID/status */
  readonly status: string;
  /** /proc/PID/limits; "" if it cannot be read. */
  readonly limits: string;
  readonly oomScoreAdj: string | undefined;
  /** /proc/PID/attr/apparmor/current and attr/current, if there is a label. */
  readonly apparmor: string | undefined;
  readonly selinux: string | undefined;
  /** Whether it waits for `start`. */
  readonly waits: boolean;
  readonly isPrivilegedFile: boolean;
  readonly lastCapability: number;
  /** How the reader sees the container's ids; `undefined` if they cannot be compared. */
  readonly ids: IdMaps | undefined;
  readonly maySetGroups: boolean;
}

export interface IdMaps {
  readonly uids: readonly IDMapping[];
  readonly gids: readonly IDMapping[];
}

/** What was asked for. */
export interface AskedProcess {
  readonly process: ProcessPlan;
  readonly rootless: boolean;
  readonly hasFilter: boolean;
  /** /proc/PID/status of the caller: what it starts inherits its filters and no_new_privs. */
  readonly callerStatus: string;
}

export function compareProcess(asked: AskedProcess, facts: ProcessFacts): Difference[] {
  const { process } = asked;
  const known = (1n << BigInt(facts.lastCapability + 1)) - 1n;
  const bounding = maskOf(asked.callerStatus, "CapBnd");
  return [
    ...(facts.ids === undefined ? [] : compareUser(asked, facts, facts.ids)),
    ...compareUmask(process, facts),
    ...compareCapabilities(process, {
      found: masksOf(facts.status),
      waits: facts.waits,
      // A container cannot have what its caller does not have.
      known: known & (bounding === 0n ? known : bounding),
      isPrivilegedFile: facts.isPrivilegedFile,
    }),
    ...compareNoNewPrivileges(asked, facts),
    ...(facts.waits ? [] : compareSeccomp(asked, facts)),
    ...(facts.waits ? [] : compareLabels(process, facts)),
    ...compareOomScore(asked, facts),
    ...compareRlimits(process.rlimits, facts.limits).map((one) => ({
      ...one,
      next: one.next.replace("PID", String(facts.pid)),
    })),
  ];
}

function masksOf(status: string): CapabilityMasks {
  return {
    bounding: maskOf(status, "CapBnd"),
    permitted: maskOf(status, "CapPrm"),
    effective: maskOf(status, "CapEff"),
    inheritable: maskOf(status, "CapInh"),
    ambient: maskOf(status, "CapAmb"),
  };
}

function maskOf(status: string, field: string): bigint {
  const digits = statusField(status, field).trim();
  return /^[0-9a-f]+$/.test(digits) ? BigInt(`0x${digits}`) : 0n;
}

const ANEW = "it cannot be changed in a running container: start a new one";
const ITSELF = `nothing, if the program did that itself; otherwise ${ANEW}`;

function compareUser({ process }: AskedProcess, facts: ProcessFacts, { uids, gids }: IdMaps): Difference[] {
  const { uid, gid, additionalGids } = process.user;
  const ids = (field: string) => new Set(statusField(facts.status, field).trim().split(/\s+/).map(Number));
  const differences: Difference[] = [];
  const [users, groups] = [ids("Uid"), ids("Gid")];
  const [user, group] = [hostId(uids, uid), hostId(gids, gid)];
  const root = hostId(uids, 0);
  const isOther = user !== undefined && (users.size > 1 || !users.has(user));
  if (isOther) {
    const isRoot = root !== undefined && user !== root && users.has(root) && !facts.isPrivilegedFile;
    differences.push(changed("user", [String(user), [...users].join(", ")], isRoot));
  }
  if (group !== undefined && (groups.size > 1 || !groups.has(group))) {
    differences.push(changed("group", [String(group), [...groups].join(", ")], false));
  }
  if (process.keepsGroups || !facts.maySetGroups) return differences;
  const wanted = new Set(additionalGids.map((one) => hostId(gids, one)));
  const there = statusField(facts.status, "Groups").trim().split(/\s+/);
  const groupsThere = new Set(there.filter((one) => one !== "").map(Number));
  const extra = [...groupsThere].some((one) => !wanted.has(one));
  if (!extra && groupsThere.size === wanted.size) return differences;
  const pair = [[...wanted].join(", ") || "none", [...groupsThere].join(", ") || "none"] as const;
  // A process that becomes another user usually takes that user's groups.
  return [...differences, changed("supplementary groups", pair, extra && !isOther)];
}

function changed(what: string, [asked, found]: readonly [string, string], isMore: boolean): Difference {
  return {
    topic: "process",
    what,
    asked,
    found,
    costs: isMore ? "it may do more than was asked for" : "permissions are checked for other ids",
    next: isMore ? ANEW : ITSELF,
    ...(isMore ? {} : { own: true as const }),
  };
}

function compareUmask({ umask }: ProcessPlan, { status, waits }: ProcessFacts): Difference[] {
  const field = statusField(status, "Umask").trim();
  const found = Number.parseInt(field, 8);
  if (field === "" || found === umask || waits) return [];
  const octal = (value: number) => value.toString(8).padStart(4, "0");
  return [
    {
      topic: "process",
      what: "umask",
      asked: octal(umask),
      found: octal(found),
      costs: "new files have other permissions",
      next: "nothing: only the program itself can change it",
      own: true,
    },
  ];
}

function compareNoNewPrivileges(
  { process, callerStatus }: AskedProcess,
  { status }: ProcessFacts,
): Difference[] {
  const found = statusNumber(status, "NoNewPrivs") === 1;
  if (found === process.noNewPrivileges) return [];
  if (found && statusNumber(callerStatus, "NoNewPrivs") === 1) return [];
  return [
    {
      topic: "process",
      what: "no_new_privs",
      asked: found ? "off" : "on",
      found: found ? "on" : "off",
      costs: found
        ? "set-user-ID programs and file capabilities have no effect"
        : "execve(2) may give privileges",
      next: found ? ITSELF : ANEW,
      ...(found ? { own: true as const } : {}),
    },
  ];
}

/** A process can add filters to itself, and nobody can remove them. */
function compareSeccomp({ hasFilter, callerStatus }: AskedProcess, { status }: ProcessFacts): Difference[] {
  const mode = statusField(status, "Seccomp").trim();
  if (mode === "") return [];
  const before = statusNumber(callerStatus, "Seccomp_filters");
  const filters = statusNumber(status, "Seccomp_filters");
  const asked = hasFilter ? 1 : 0;
  const found = mode === "2" ? filters : 0;
  const line = { topic: "process", what: "seccomp" } as const;
  const count = (number: number) =>
    number === 0 ? "no filter" : `${number} filter${number === 1 ? "" : "s"}`;
  if (hasFilter && mode !== "2") {
    const costs = "every system call is allowed";
    return [{ ...line, asked: count(1), found: `no filter (mode ${mode})`, costs, next: ANEW }];
  }
  // The caller's filters may have been inherited. Before Linux 5.9 filters are not counted.
  if (found <= asked + before) return [];
  const costs = "more system calls are refused";
  return [{ ...line, asked: count(asked), found: count(found), costs, next: ITSELF, own: true }];
}

function compareLabels({ apparmorProfile, selinuxLabel }: ProcessPlan, facts: ProcessFacts): Difference[] {
  const differences: Difference[] = [];
  const add = (what: string, asked: string | undefined, found: string | undefined) => {
    if (asked === undefined || found === undefined || found === asked) return;
    const costs = "it is confined by other rules than those asked for";
    differences.push({
      topic: "process",
      what,
      asked,
      found: found === "" ? "none" : found,
      costs,
      next: ANEW,
    });
  };
  // `docker-default (enforce)`
  add("AppArmor profile", apparmorProfile, facts.apparmor?.replace(/ \(\w+\)\s*$/, "").trim());
  add("SELinux label", selinuxLabel, facts.selinux?.replace(/[\0\n]*$/, ""));
  return differences;
}

function compareOomScore(
  { process, rootless }: AskedProcess,
  { oomScoreAdj, pid }: ProcessFacts,
): Difference[] {
  const asked = process.oomScoreAdj;
  if (asked === undefined || oomScoreAdj === undefined) return [];
  const found = Number(oomScoreAdj);
  // An ordinary user may only raise it.
  if (found === asked || (rootless && found > asked)) return [];
  const sooner = found > asked ? "sooner" : "later";
  return [
    {
      topic: "process",
      what: "oom_score_adj",
      asked: String(asked),
      found: String(found),
      costs: `the kernel ends it ${sooner} when memory runs out`,
      next: `echo ${asked} >/proc/${pid}/oom_score_adj`,
    },
  ];
}
