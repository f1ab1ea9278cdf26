// Says in words how a container ended, as far as that is certain. Pure.

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

/** `exit status 3` or `SIGKILL`; `undefined` if neither is known. */
export function endWords({ status, signal }: End): string | undefined {
  if (signal !== undefined) return signalName(signal);
  return status === undefined ? undefined : `exit status ${status}`;
}

/** The findings about an end, the most certain cause first. */
export function endFindings(facts: EndFacts): Finding[] {
  const { end, ending } = facts;
  const failure = failureFinding(ending);
  const oom = oomFinding(facts);
  const rest = oom === undefined ? [] : [oom];
  if (failure !== undefined) return [failure, ...rest];
  if (ending?.isStarted === false) return [neverStarted(ending), ...rest];
  if (end.signal !== undefined) {
    // Of a process that ran out of memory, the finding about memory says enough.
    const isTold = oom !== undefined && end.signal === SIGKILL && senderOf(facts, SIGKILL) === undefined;
    return isTold ? [...rest, ...killedFindings(facts)] : [signalFinding(facts, end.signal), ...rest];
  }
  if (end.status !== undefined) return [statusFinding(facts, end.status), ...rest];
  return [...rest, unknownFinding(facts)];
}

/** The container could not be created or started. */
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
    ? "the kernel killed the first process: out of memory"
    : `the kernel killed ${many} of it: out of memory`;
  return {
    kind: "oom",
    weight: "wrong",
    words,
    details: [
      ...(oomKills === 0 ? [] : [`${cgroup}: oom_kill ${oomKills}`]),
      ...killed.slice(-5).map((one) => {
        const whose =
          one.limitOf === "" ? "the machine's memory was full" : `${one.limitOf} was at its limit`;
        return `the kernel's log: killed process ${one.pid} (${one.name}), ${whose}`;
      }),
    ],
    next: "raise linux.resources.memory.limit, or find out what uses so much",
  };
}

/**
 * What the kernel's log tells of the container's processes. An earlier container may have had a cgroup of the
 * same path, so only the last entries count: as many as this container's cgroup has counted.
 */
function killedIn({ oom, kernel }: Pick<EndFacts, "oom" | "kernel">): KernelFacts["killed"] {
  if (oom.oomKills === undefined) return kernel.killed;
  return oom.oomKills === 0 ? [] : kernel.killed.slice(-oom.oomKills);
}

/** Follows the finding about memory if that does not say that the first process was killed. */
function killedFindings(facts: EndFacts): Finding[] {
  if (killedIn(facts).some(({ pid }) => pid === facts.pid)) return [];
  const words = "SIGKILL ended it: the kernel sends that when memory runs out, but others may have sent it";
  return [{ kind: "signal", weight: "note", words }];
}

function signalFinding(facts: EndFacts, signal: number): Finding {
  const name = signalName(signal);
  const sender = senderOf(facts, signal);
  if (sender !== undefined) return { kind: "signal", weight: "note", words: `${name} ended it: ${sender}` };
  if (signal === SIGSYS) return seccompFinding(facts);
  const own = OWN_FAULTS[signal];
  return own === undefined
    ? {
        kind: "signal",
        weight: "wrong",
        words: `${name} ended it; tsrun did not send it, and who did is not known`,
      }
    : {
        kind: "signal",
        weight: "wrong",
        words: `${name} ended it: ${own}`,
        next: "see what the program printed",
      };
}

/** Signals that the kernel usually sends because of what the program itself did. */
const OWN_FAULTS: Readonly<Record<number, string>> = {
  4: "the program used an instruction that this processor does not know",
  5: "the program reached a breakpoint, and no debugger handled it",
  6: "the program gave up by itself, as with abort(3)",
  7: "the program used memory that could not be read, as of a file that was cut short",
  8: "the program divided by zero, or the like",
  11: "the program used memory that it does not have",
};

/** The command of tsrun that sent a signal, and which process called it. */
function senderOf({ ending, signals }: EndFacts, signal: number): string | undefined {
  if (signal === SIGKILL && ending?.isKilled === true) return `${ending.by} killed it`;
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
      words: "SIGSYS ended it: its seccomp profile does not allow a system call; which one is not known",
      details: ["neither the kernel's log nor auditd's has a record of it"],
      next: "see what linux.seccomp allows",
    };
  }
  const index = seccomp?.syscalls?.findIndex(({ names }) => names.includes(seccompCall)) ?? -1;
  const rule = index < 0 ? "/linux/seccomp/defaultAction" : `/linux/seccomp/syscalls/${index}`;
  return {
    kind: "seccomp",
    weight: "wrong",
    words: `SIGSYS ended it: its seccomp profile does not allow ${seccompCall}(2)`,
    details: seccomp === undefined ? [] : [`the rule: ${rule}`],
    next: `allow ${seccompCall} in linux.seccomp.syscalls, if the program needs it`,
  };
}

function statusFinding(facts: EndFacts, status: number): Finding {
  if (status === 0) return { kind: "exit", weight: "note", words: "it ended by itself, with exit status 0" };
  const asked = facts.signals.find(({ signal }) => signal === status - 128) ?? facts.signals.at(-1);
  const details = [
    ...(STATUSES[status] === undefined ? [] : [STATUSES[status]]),
    ...(status > 128 && status <= 192
      ? [`shells exit with this status when ${signalName(status - 128)} ended their child`]
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

/** What some statuses mean by convention (exit(3), shells). */
const STATUSES: Readonly<Record<number, string | undefined>> = {
  126: "shells exit with this status when they may not execute a program",
  127: "shells exit with this status when they do not find a program",
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
      words: `SIGKILL ended it: ${ending.by} killed it`,
      details: sent,
    };
  }
  return {
    kind: "unknown",
    weight: "note",
    words: "tsrun does not know how it ended: only the process that waited for it does",
    details: sent,
    next: "ask what created it: docker inspect, ctr task, podman inspect, kubectl describe",
  };
}
