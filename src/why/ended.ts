// How a container has ended: what is certain of it, in words. Pure.

import type { End, Ending, Signalled } from "../container/ending.ts";
import { signalName } from "../linux/numbers/signal-words.ts";
import type { Seccomp } from "../spec/types.ts";
import type { Finding, KernelFacts } from "./model.ts";
import { count, time } from "./words.ts";

const SIGKILL = 9;
const SIGSYS = 31;

/** What is known of an end. */
export interface EndFacts {
  readonly end: End;
  readonly pid: number;
  readonly ending: Ending | undefined;
  readonly signals: readonly Signalled[];
  readonly oom: { readonly oomKills?: number | undefined; readonly cgroup?: string | undefined };
  readonly kernel: KernelFacts;
  readonly seccomp: Seccomp | undefined;
}

/** `exit status 3`, `SIGKILL`; `undefined` if it is not known. */
export function endWords({ status, signal }: End): string | undefined {
  if (signal !== undefined) return signalName(signal);
  return status === undefined ? undefined : `exit status ${status}`;
}

/** What there is to say about it, the most certain cause first. */
export function endFindings(facts: EndFacts): Finding[] {
  const { end, ending } = facts;
  const failure = failureFinding(ending);
  const oom = oomFinding(facts);
  const rest = oom === undefined ? [] : [oom];
  if (failure !== undefined) return [failure, ...rest];
  if (ending?.isStarted === false) return [neverStarted(ending), ...rest];
  if (end.signal !== undefined) {
    // What the kernel has killed is told by that.
    const isTold = oom !== undefined && end.signal === SIGKILL && senderOf(facts, SIGKILL) === undefined;
    return isTold ? [...rest, ...killedFindings(facts)] : [signalFinding(facts, end.signal), ...rest];
  }
  if (end.status !== undefined) return [statusFinding(facts, end.status), ...rest];
  return [...rest, unknownFinding(facts)];
}

/** It could not be made or started. */
function failureFinding(ending: Ending | undefined): Finding | undefined {
  if (ending?.error === undefined) return undefined;
  const { failed = ending.by, error, next } = ending;
  return { kind: "failed", weight: "wrong", words: `${failed} failed: ${error}`, next };
}

function oomFinding({ oom, kernel, end, pid }: EndFacts): Finding | undefined {
  const { cgroup = "" } = oom;
  const killed = killedIn({ oom, kernel });
  const oomKills = oom.oomKills ?? 0;
  if (oomKills === 0 && killed.length === 0) return undefined;
  const isFirst = end.signal === SIGKILL && killed.some((one) => one.pid === pid);
  const many = count(Math.max(oomKills, killed.length), "process", "processes");
  const words = isFirst
    ? "the kernel has killed the first process for want of memory"
    : `the kernel has killed ${many} of it for want of memory`;
  return {
    kind: "oom",
    weight: "wrong",
    words,
    details: [
      ...(oomKills === 0 ? [] : [`${cgroup}: oom_kill ${oomKills}`]),
      ...killed.slice(-5).map((one) => {
        const whose = one.limitOf === "" ? "the memory of the machine" : `the limit of ${one.limitOf}`;
        return `the kernel's log: killed process ${one.pid} (${one.name}) at ${whose}`;
      }),
    ],
    next: "raise linux.resources.memory.limit, or find what needs so much",
  };
}

/**
 * What the kernel's log tells of the container's processes. A container before it may have had the same
 * cgroup: as many are this one's as its own cgroup has counted.
 */
function killedIn({ oom, kernel }: Pick<EndFacts, "oom" | "kernel">): KernelFacts["killed"] {
  if (oom.oomKills === undefined) return kernel.killed;
  return oom.oomKills === 0 ? [] : kernel.killed.slice(-oom.oomKills);
}

/** Behind the finding about memory, where that does not tell that it was the first process. */
function killedFindings(facts: EndFacts): Finding[] {
  if (killedIn(facts).some(({ pid }) => pid === facts.pid)) return [];
  const words =
    "SIGKILL has ended it: the kernel sends that to what it kills for want of memory; others may, too";
  return [{ kind: "signal", weight: "note", words }];
}

function signalFinding(facts: EndFacts, signal: number): Finding {
  const name = signalName(signal);
  const sender = senderOf(facts, signal);
  if (sender !== undefined)
    return { kind: "signal", weight: "note", words: `${name} has ended it: ${sender}` };
  if (signal === SIGSYS) return seccompFinding(facts);
  const own = OWN_FAULTS[signal];
  return own === undefined
    ? { kind: "signal", weight: "wrong", words: `${name} has ended it; who sent it is not known: not tsrun` }
    : {
        kind: "signal",
        weight: "wrong",
        words: `${name} has ended it: ${own}`,
        next: "see what the program printed",
      };
}

/** Signals that the kernel sends for what the program itself did; others may send them, too. */
const OWN_FAULTS: Readonly<Record<number, string>> = {
  4: "an instruction that this processor does not know",
  5: "a trap that nobody debugs",
  6: "the program gave up by itself, as abort(3) does",
  7: "memory that could not be read, as of a file that was cut",
  8: "a division by zero or the like",
  11: "the program used memory that it does not have",
};

/** Which command of tsrun has sent a signal, and for whom. */
function senderOf({ ending, signals }: EndFacts, signal: number): string | undefined {
  if (signal === SIGKILL && ending?.isKilled === true) return `${ending.by} has killed it`;
  const sent = signals.find((one) => one.signal === signal);
  if (sent === undefined) return undefined;
  const { at, pid, name } = sent;
  return `kill sent it at ${time(at)}, called by process ${pid}${name === "" ? "" : ` (${name})`}`;
}

function seccompFinding({ kernel: { seccompCall }, seccomp }: EndFacts): Finding {
  if (seccompCall === undefined) {
    return {
      kind: "seccomp",
      weight: "wrong",
      words: "SIGSYS has ended it: a system call that its seccomp profile does not allow; which is not known",
      details: ["neither the kernel's log nor that of auditd has a record of it"],
      next: "see what linux.seccomp allows",
    };
  }
  const index = seccomp?.syscalls?.findIndex(({ names }) => names.includes(seccompCall)) ?? -1;
  const rule = index < 0 ? "/linux/seccomp/defaultAction" : `/linux/seccomp/syscalls/${index}`;
  return {
    kind: "seccomp",
    weight: "wrong",
    words: `SIGSYS has ended it: its seccomp profile does not allow ${seccompCall}(2)`,
    details: seccomp === undefined ? [] : [`${rule} says so`],
    next: `allow ${seccompCall} in linux.seccomp.syscalls, if the program needs it`,
  };
}

function statusFinding(facts: EndFacts, status: number): Finding {
  if (status === 0) return { kind: "exit", weight: "note", words: "it ended by itself, with exit status 0" };
  const asked = facts.signals.find(({ signal }) => signal === status - 128) ?? facts.signals.at(-1);
  const details = [
    ...(STATUSES[status] === undefined ? [] : [STATUSES[status]]),
    ...(status > 128 && status <= 192
      ? [`as a shell says of a child that ${signalName(status - 128)} has ended`]
      : []),
  ];
  if (asked !== undefined) {
    const words = `it ended with exit status ${status}, after ${signalName(asked.signal)}`;
    const sender = senderOf(facts, asked.signal) ?? "";
    return { kind: "exit", weight: "note", words, details: [...details, sender] };
  }
  return {
    kind: "exit",
    weight: "wrong",
    words: `it ended by itself, with exit status ${status}`,
    details,
    next: "see what the program printed",
  };
}

/** What some statuses mean by custom (exit(3), shells). */
const STATUSES: Readonly<Record<number, string | undefined>> = {
  126: "as a shell says of a program that it may not execute",
  127: "as a shell says of a program that it does not find",
};

function neverStarted({ by, isKilled = false }: Ending): Finding {
  const words = isKilled ? "it was deleted before anybody started it" : "it ended before anybody started it";
  return { kind: "never started", weight: "note", words: by === "" ? "nobody has started it" : words };
}

function unknownFinding(facts: EndFacts): Finding {
  const { ending, signals } = facts;
  const sent = signals.map(({ signal }) => `${signalName(signal)}: ${senderOf(facts, signal) ?? ""}`);
  if (ending?.isKilled === true) {
    return {
      kind: "signal",
      weight: "note",
      words: `SIGKILL has ended it: ${ending.by} has killed it`,
      details: sent,
    };
  }
  return {
    kind: "unknown",
    weight: "note",
    words: "how it ended is not known here: the process that waited for it knows",
    details: sent,
    next: "ask who made it: docker inspect, ctr task, podman inspect, kubectl describe",
  };
}
