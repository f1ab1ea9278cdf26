// Turns what was seen of a container into a report. It says only what is certain. Pure.

import { HOOK_KINDS } from "../hooks/plan.ts";
import type { Hooks } from "../spec/types.ts";
import { endFindings, endWords } from "./ended.ts";
import type {
  CommandFacts,
  Existing,
  Facts,
  Finding,
  Judging,
  ProcessFacts,
  Report,
  WhyState,
} from "./model.ts";
import { commandName, count, meaningOf, placeWords, processWords, since, time } from "./words.ts";

export function decide(facts: Facts, judging: Judging): Report {
  const { id } = facts;
  if (facts.existing !== undefined) return aboutExisting(facts, facts.existing, judging);
  if (facts.halfMade !== undefined) return aboutHalfMade(id, facts.halfMade.commands, judging);
  if (facts.damage !== undefined) {
    return report(id, "damaged", "cannot be read", [
      {
        kind: "damaged",
        weight: "wrong",
        words: facts.damage,
        next: `delete --force ${id} ends the processes that its configuration and its cgroup lead to`,
      },
    ]);
  }
  return aboutGone(facts, judging);
}

function report(
  id: string,
  state: WhyState,
  words: string,
  findings: readonly Finding[],
  rest: Pick<Report, "pid" | "end"> = {},
): Report {
  return { id, state, words, wrong: findings.some(({ weight }) => weight === "wrong"), findings, ...rest };
}

function aboutHalfMade(id: string, commands: readonly CommandFacts[], judging: Judging): Report {
  const making = commands.find(({ isMaking }) => isMaking);
  if (making !== undefined) {
    return report(id, "creating", "is being created", [makingFinding(making, undefined, judging)]);
  }
  const words =
    "it has a directory, but no state: its create or its delete was killed before it was complete";
  return report(id, "half-made", "is half made or half removed", [
    { kind: "half-made", weight: "wrong", words, next: `gc --yes, or delete --force ${id}` },
  ]);
}

function aboutGone({ id, ending, after = [], kernel }: Facts, judging: Judging): Report {
  const working = after.flatMap((command) => hookFindings(command, undefined, judging));
  if (ending === undefined) return report(id, "gone", "is being removed", working);
  const { created, at, by, status, signal, pid = 0, signals = [], oomKills, cgroup } = ending;
  const end = ending.error === undefined ? { status, signal } : {};
  const words =
    created === undefined
      ? `does not exist: ${by} failed at ${time(at)}`
      : `is gone: created ${created.slice(0, 19)}Z, ${by === "delete" ? "deleted" : "ended"} at ${time(at)}`;
  const oom = { oomKills, cgroup };
  const findings = endFindings({ end, pid, ending, signals, oom, kernel, seccomp: undefined });
  return report(id, "gone", words, [...findings, ...working], { end: known(end) });
}

function known(end: Report["end"]): Report["end"] {
  return end?.status === undefined && end?.signal === undefined ? undefined : end;
}

function aboutExisting(facts: Facts, existing: Existing, judging: Judging): Report {
  const { id } = facts;
  const { record, status, init } = existing;
  const working = existing.commands.flatMap((command) => commandFindings(command, existing.hooks, judging));
  const pid = record.init_process_pid;
  switch (status) {
    case "creating":
      return report(id, status, "is being created", creatingFindings(existing, judging));
    case "stopped":
      return aboutStopped(facts, existing, working);
    case "created":
    case "paused":
    case "running": {
      const findings = [...liveFindings(facts, existing, judging), ...working];
      return report(id, status, liveWords(existing, init, judging.now), findings, { pid });
    }
  }
}

function liveWords(
  { status, record, waiting }: Existing,
  init: ProcessFacts | undefined,
  now: number,
): string {
  const created = Date.parse(record.created);
  const who = init === undefined ? `process ${record.init_process_pid}` : processWords(init);
  if (status === "running") return `runs ${since(created, now)}: ${who}`;
  if (status === "paused") return `is frozen: ${who}`;
  return `was ${waiting ?? status} at ${time(created)}, and waits`;
}

function creatingFindings(existing: Existing, judging: Judging): Finding[] {
  const { commands, hooks, record, sleeping } = existing;
  const making = commands.find(({ isMaking }) => isMaking);
  const held = sleepingFindings(sleeping, judging);
  if (making !== undefined) {
    const inside = insideFindings(existing, judging);
    return [...(inside.length > 0 ? inside : [makingFinding(making, hooks, judging)]), ...held];
  }
  // Its first process exists, but no command tells it what to do.
  return [
    {
      kind: "half-made",
      weight: "wrong",
      words: "the command that created it ended before it was complete",
      next: `gc --yes, or delete --force ${record.id}`,
    },
    ...held,
  ];
}

function makingFinding(command: CommandFacts, hooks: Hooks | undefined, judging: Judging): Finding {
  const { process } = command;
  const [waiting] = hookFindings(command, hooks, judging);
  if (waiting !== undefined) return waiting;
  const isLong = judging.now - process.startedAt > judging.afterMs;
  const words = `${commandName(command)} has been creating it ${since(process.startedAt, judging.now)}`;
  return {
    kind: "creating",
    weight: isLong ? "wrong" : "waits",
    words,
    details: [processWords(process), ...placeWords(process)],
    next: isLong ? `see what it waits for; kill ${process.pid} ends it` : undefined,
  };
}

/** A hook or criu that a command waits for. */
function hookFindings(command: CommandFacts, hooks: Hooks | undefined, judging: Judging): Finding[] {
  if (!command.isTsrun) return [];
  const by = commandName(command);
  return command.children.flatMap((child) => waitingFor(child, `${by} waits for`, hooks, judging) ?? []);
}

function waitingFor(
  child: ProcessFacts,
  who: string,
  hooks: Hooks | undefined,
  { now, afterMs }: Judging,
): Finding | undefined {
  const isLong = now - child.startedAt > afterMs;
  const weight = isLong ? "wrong" : "waits";
  const details = [processWords(child), ...placeWords(child)];
  const ends = `kill ${child.pid} ends it`;
  if (child.name === "criu") {
    const words = `${who} criu, ${since(child.startedAt, now)}`;
    return { kind: "criu", weight, words, details, next: isLong ? `see criu's log; ${ends}` : undefined };
  }
  const hook = hookOf(child, hooks);
  if (hook === undefined) return undefined;
  const words = `${who} ${hook}, ${since(child.startedAt, now)}`;
  return {
    kind: "hook",
    weight,
    words,
    details,
    next: isLong ? `see what the hook waits for; ${ends}` : undefined,
  };
}

/**
 * `the hook createRuntime #0`; `a hook` for a child that the configuration does not name; `undefined` for a
 * helper of tsrun's own, or for a child without a command line.
 */
function hookOf({ command, name }: ProcessFacts, hooks: Hooks | undefined): string | undefined {
  for (const kind of HOOK_KINDS) {
    const index = (hooks?.[kind] ?? []).findIndex(({ path, args = [path] }) => {
      return command === args.join(" ") || ` ${command} `.includes(` ${path} `);
    });
    if (index >= 0) return `the hook ${kind} #${index}`;
  }
  if (name.startsWith("tsrun") || /^\d+$/.test(name) || command === name) return undefined;
  return "a hook";
}

/** startContainer and createContainer hooks are children of the first process. */
function insideFindings({ insideHooks, hooks }: Existing, judging: Judging): Finding[] {
  return insideHooks.flatMap(
    (child) => waitingFor(child, "its first process waits for", hooks, judging) ?? [],
  );
}

/** What other commands do to the container. */
function commandFindings(command: CommandFacts, hooks: Hooks | undefined, judging: Judging): Finding[] {
  const { process, lock } = command;
  const { now, afterMs } = judging;
  const waits = hookFindings(command, hooks, judging);
  if (waits.length > 0) return waits;
  if (lock === "none" || now - process.startedAt <= afterMs) return [];
  const name = commandName(command);
  const words = lock === "holds" ? `${name} holds its lock` : `${name} waits for its lock`;
  return [
    {
      kind: "lock",
      weight: "wrong",
      words: `${words}, ${since(process.startedAt, now)}`,
      details: [processWords(process), ...placeWords(process)],
      next: lock === "holds" ? `see what it waits for; kill ${process.pid} ends it` : undefined,
    },
  ];
}

function aboutStopped(facts: Facts, existing: Existing, working: readonly Finding[]): Report {
  const { id, ending, kernel } = facts;
  const { record, init, end: zombie, waiting, members } = existing;
  if (existing.isOfEarlierBoot) {
    const words = "the machine was restarted after it was created";
    const next = `gc --yes, or delete ${id}`;
    return report(id, "stopped", "has ended", [{ kind: "earlier boot", weight: "note", words, next }]);
  }
  if (waiting === "creating" || (record.init_process_pid === 0 && ending === undefined)) {
    const words = "its create was killed before it was complete";
    const next = `gc --yes, or delete --force ${id}`;
    return report(id, "half-made", "is half made", [{ kind: "half-made", weight: "wrong", words, next }]);
  }
  // Before the process executes its program, its exit status is tsrun's own.
  const isProgram = waiting === undefined && ending?.error === undefined;
  const end = isProgram ? { ...zombie, ...known({ status: ending?.status, signal: ending?.signal }) } : {};
  const signals = [...existing.signals, ...(ending?.signals ?? [])];
  const { oom, seccomp } = existing;
  const pid = record.init_process_pid;
  const started = waiting === "created" ? { isStarted: false } : {};
  const remembered = ending ?? { id, at: 0, by: "", ...started };
  const findings = [
    ...endFindings({ end, pid, ending: remembered, signals, oom, kernel, seccomp }),
    ...leftFindings(init, members),
    ...working,
  ];
  const how = endWords(end);
  return report(id, "stopped", how === undefined ? "has ended" : `has ended: ${how}`, findings, {
    end: known(end),
  });
}

/** What is left of an ended container. */
function leftFindings(init: ProcessFacts | undefined, members: number): Finding[] {
  const findings: Finding[] = [];
  if (init?.state === "Z") {
    const words = `process ${init.parent} has not waited for the first process, its child`;
    findings.push({ kind: "zombie", weight: "note", words });
  }
  if (members > (init === undefined ? 0 : 1)) {
    const words = `${count(members, "process is", "processes are")} still in its cgroup`;
    findings.push({
      kind: "left",
      weight: "note",
      words,
      next: "ps lists them; kill --all or delete --force ends them",
    });
  }
  return findings;
}

/** What a container waits for, or what went wrong in it, while its first process exists. */
function liveFindings(facts: Facts, existing: Existing, judging: Judging): Finding[] {
  const { frozen, waiting, record, sleeping, init } = existing;
  if (frozen !== undefined) return [frozenFinding(record.id, frozen)];
  const findings: Finding[] = [];
  if (waiting === "created") findings.push(createdFinding(existing, judging));
  else if (existing.isBeforeProgram) findings.push(...insideFindings(existing, judging));
  findings.push(...sleepingFindings(sleeping, judging), ...waitFindings(existing, init, judging));
  findings.push(...memoryFindings(facts, existing), ...forkFindings(existing));
  return findings;
}

function frozenFinding(id: string, { cgroup, file, isOwn }: NonNullable<Existing["frozen"]>): Finding {
  const details = [`${cgroup}/${file}`];
  if (isOwn)
    return {
      kind: "frozen",
      weight: "waits",
      words: "its cgroup is frozen, as pause does it",
      details,
      next: `resume ${id}`,
    };
  const thaws = file === "cgroup.freeze" ? `echo 0 >${cgroup}/${file}` : `echo THAWED >${cgroup}/${file}`;
  const words = "a cgroup above its own is frozen";
  return { kind: "frozen", weight: "wrong", words, details, next: `thaw it: ${thaws}` };
}

function createdFinding({ record }: Existing, { now, afterMs }: Judging): Finding {
  const created = Date.parse(record.created);
  const isLong = now - created > afterMs;
  return {
    kind: "created",
    weight: isLong ? "wrong" : "waits",
    words: `nobody has called start, ${since(created, now)}`,
    next: `start ${record.id}, or delete ${record.id}`,
  };
}

function sleepingFindings(sleeping: readonly ProcessFacts[], { still }: Judging): Finding[] {
  return sleeping
    .filter((process) => still.has(process))
    .slice(0, 5)
    .map((process) => {
      const meaning = meaningOf(process);
      const words = `${processWords(process)} waits uninterruptibly (state D)`;
      return {
        kind: "uninterruptible",
        weight: "wrong",
        words: meaning === undefined ? words : `${words}: ${meaning}`,
        details: placeWords(process),
        next: "end what it waits for: until then even SIGKILL may have no effect",
      };
    });
}

/** What the first process waits for, if that is outside the container. */
function waitFindings(existing: Existing, init: ProcessFacts | undefined, judging: Judging): Finding[] {
  if (init === undefined || !judging.still.has(init)) return [];
  const { state, functions, call, tracer } = init;
  const details = placeWords(init);
  const words = processWords(init);
  if (state === "T") {
    const next = `kill ${existing.record.id} CONT`;
    return [{ kind: "stopped", weight: "wrong", words: `a signal stopped ${words}`, next }];
  }
  if (state === "t") {
    const next = `end process ${tracer}, or let it continue the traced process`;
    return [
      {
        kind: "traced",
        weight: "wrong",
        words: `process ${tracer} traces ${words} and has stopped it`,
        next,
      },
    ];
  }
  if (functions.includes("seccomp_do_user_notification")) {
    const next = "see what the agent at linux.seccomp.listenerPath does";
    return [
      { kind: "seccomp agent", weight: "wrong", words: "the seccomp agent does not answer", details, next },
    ];
  }
  const output = [existing.stdout, existing.stderr][(call?.first ?? 0) - 1];
  if (/^(write|writev|sendto|sendmsg)$/.test(call?.name ?? "") && output !== undefined) {
    const stream = call?.first === 1 ? "standard output" : "standard error";
    const next = "see what reads it: the caller's log driver, or the terminal";
    const full = `its ${stream} is full, and nobody reads it`;
    return [{ kind: "output", weight: "wrong", words: full, details: [output, ...details], next }];
  }
  if (functions.some((name) => /^(fifo_open|wait_for_partner)$/.test(name))) {
    return [
      {
        kind: "fifo",
        weight: "waits",
        words: `${words} opens a FIFO, and nobody opens the other end`,
        details,
      },
    ];
  }
  return [];
}

function memoryFindings({ kernel }: Facts, existing: Existing): Finding[] {
  const { oom, isHeldByMemory } = existing;
  const { oomKills = 0, cgroup = "" } = oom;
  if (isHeldByMemory) {
    const words = "it is at its memory limit, and the OOM killer is disabled: whatever needs memory waits";
    const details = [`${cgroup}/memory.oom_control: under_oom 1, oom_kill_disable 1`];
    return [{ kind: "memory", weight: "wrong", words, details, next: "raise the limit: update --memory" }];
  }
  if (oomKills === 0) return [];
  return endFindings({
    ...{ end: {}, pid: 0, ending: undefined, signals: [], seccomp: undefined },
    ...{ oom, kernel },
  }).filter(({ kind }) => kind === "oom");
}

function forkFindings({ forksRefused }: Existing): Finding[] {
  if (forksRefused === 0) return [];
  const words = `the process limit refused ${count(forksRefused, "new process", "new processes")}`;
  return [
    { kind: "pids", weight: "wrong", words, details: ["pids.events"], next: "raise it: update --pids-limit" },
  ];
}
