// What is said of what was seen: certain things only, and nothing wrong of what is well.

import t from "tap";
import { globalOptions } from "../../../src/cli/flags.ts";
import type { Ending } from "../../../src/container/ending.ts";
import type { StateRecord } from "../../../src/container/record.ts";
import { decide } from "../../../src/why/decide.ts";
import type { Existing, Facts, Judging, ProcessFacts, Report } from "../../../src/why/model.ts";
import { commandName, meaningOf, shortCommand, span, time } from "../../../src/why/words.ts";

const NOW = Date.parse("2026-11-29T01:00:00Z");
const judging = (still: readonly ProcessFacts[] = []): Judging => ({
  now: NOW,
  afterMs: 30_000,
  still: new Set(still),
});
const NO_LOG = { killed: [], seccompCall: undefined };

function processOf(change: Partial<ProcessFacts> = {}): ProcessFacts {
  return {
    ...{
      pid: 4711,
      name: "nginx",
      command: "nginx -g daemon",
      state: "S",
      parent: 1,
      startedAt: NOW - 60_000,
    },
    ...{ functions: [], call: undefined, tracer: 0, switches: "1 2" },
    ...change,
  };
}

function existing(change: Partial<Existing> = {}): Existing {
  const record: StateRecord = {
    version: 1,
    ...{ id: "web", ociVersion: "1.0.0", init_process_pid: 4711, init_process_start: 5 },
    ...{ created: "2026-11-29T00:00:00.000Z", bundle: "/b", rootfs: "/b/rootfs" },
    cgroup: { driver: "v2", paths: { "": "/sys/fs/cgroup/web" }, created: [] },
    ...{ newKeyring: false, hooksAfter: false, ownPidNamespace: true },
  };
  return {
    ...{ record, status: "running", waiting: undefined, isBeforeProgram: false, init: processOf() },
    ...{ end: {}, sleeping: [], insideHooks: [], members: 1, frozen: undefined, commands: [], signals: [] },
    ...{ oom: { oomKills: 0 }, isHeldByMemory: false, forksRefused: 0, isOfEarlierBoot: false },
    ...{ hooks: undefined, seccomp: undefined, stdout: undefined, stderr: undefined },
    ...change,
  };
}

function about(change: Partial<Existing>, rest: Partial<Facts> = {}, still: ProcessFacts[] = []): Report {
  return decide({ id: "web", existing: existing(change), kernel: NO_LOG, ...rest }, judging(still));
}

function gone(ending: Partial<Ending>, kernel: Facts["kernel"] = NO_LOG): Report {
  const created = "2026-11-29T00:00:00.000Z";
  const full = { id: "web", created, at: NOW, by: "delete", pid: 4711, isStarted: true, ...ending };
  return decide({ id: "web", ending: full, kernel }, judging());
}

const wordsOf = ({ findings }: Report): string => findings.map(({ words }) => words).join("; ");

t.test("what runs and sleeps, even uninterruptibly for a moment, has nothing wrong", (t) => {
  const sleeper = processOf({ state: "D", functions: ["io_schedule"] });
  for (const change of [{}, { sleeping: [sleeper] }, { init: processOf({ state: "t" }) }]) {
    t.match(about(change), { wrong: false, findings: [], state: "running" });
  }
  t.match(about({ sleeping: [sleeper] }, {}, [sleeper]), {
    wrong: true,
    findings: [{ kind: "uninterruptible", words: /: a disk does not answer$/ }],
  });
  t.end();
});

t.test("a command that works on it is only told when it hangs, or has a hook", (t) => {
  const command = (age: number, rest: object = {}): Existing["commands"] => [
    {
      process: processOf({
        pid: 5,
        name: "tsrun",
        command: "tsrun --root /r delete web",
        startedAt: NOW - age,
      }),
      ...{ isTsrun: true, lock: "holds", isMaking: false, children: [] },
      ...rest,
    },
  ];
  t.match(about({ commands: command(1000) }), { findings: [] });
  t.match(about({ commands: command(31_000) }), {
    findings: [{ kind: "lock", weight: "wrong", words: /^delete holds its lock, since .*, 31 seconds$/ }],
  });
  t.match(
    about({ commands: command(31_000, { lock: "none" }) }),
    { findings: [] },
    "as run in the foreground",
  );
  const hook = processOf({ pid: 6, name: "hook", command: "/bin/hook web", startedAt: NOW - 1000 });
  t.match(
    about({ commands: command(31_000, { children: [hook] }), hooks: { poststart: [{ path: "/bin/hook" }] } }),
    {
      wrong: false,
      findings: [{ kind: "hook", weight: "waits", words: /^delete waits for the hook poststart #0, since/ }],
    },
  );
  const criu = processOf({ pid: 6, name: "criu", command: "criu swrk 3", startedAt: NOW - 31_000 });
  t.match(about({ commands: command(1, { children: [criu] }) }), {
    wrong: true,
    findings: [{ kind: "criu" }],
  });
  const others = command(31_000, { isTsrun: false, children: [hook] });
  t.match(about({ commands: others }), {
    findings: [{ kind: "lock", words: /^process 5 \(.*\) holds its lock/ }],
  });
  t.end();
});

t.test("the first process: stopped, traced, at a FIFO, at an agent, with output that nobody reads", (t) => {
  const cases: [Partial<ProcessFacts>, string][] = [
    [{ state: "T" }, "stopped"],
    [{ state: "t", tracer: 9 }, "traced"],
    [{ functions: ["wait_for_partner", "fifo_open"] }, "fifo"],
    [{ functions: ["seccomp_do_user_notification"] }, "seccomp agent"],
    [{ functions: ["anon_pipe_write"], call: { name: "write", first: 2 } }, "output"],
  ];
  for (const [change, kind] of cases) {
    const init = processOf(change);
    t.match(
      about({ init, stdout: "pipe:[1]", stderr: "pipe:[2]" }, {}, [init]),
      { findings: [{ kind }] },
      kind,
    );
    t.match(about({ init }), { findings: [] }, `${kind}, for a moment`);
  }
  const file = processOf({ functions: ["anon_pipe_write"], call: { name: "write", first: 7 } });
  t.match(about({ init: file, stdout: "pipe:[1]" }, {}, [file]), { findings: [] }, "a pipe of its own");
  t.end();
});

t.test("how it ended: what is known, and from whom; nothing is guessed", (t) => {
  t.match(gone({ status: 0 }), { wrong: false });
  t.match(gone({ status: 3 }), { wrong: true, end: { status: 3 } });
  t.match(gone({}), { wrong: false, findings: [{ kind: "unknown" }], end: undefined });
  const sent = { signal: 9, at: NOW, pid: 77, name: "containerd-shim" };
  t.match(gone({ signal: 9, signals: [sent] }), { wrong: false });
  t.match(wordsOf(gone({ signal: 9, signals: [sent] })), /called by process 77 \(containerd-shim\)$/);
  t.match(wordsOf(gone({ signal: 9 })), /tsrun did not send it, and who did is not known$/);
  t.match(wordsOf(gone({ signal: 11 })), /used memory that it does not have/);
  t.match(wordsOf(gone({ signal: 9, isKilled: true })), /delete killed it$/);
  t.match(gone({ isStarted: false, signal: 9, isKilled: true }), { findings: [{ kind: "never started" }] });
  t.match(gone({ failed: "start", error: "exec /x: no" }), {
    wrong: true,
    findings: [{ words: "start failed: exec /x: no" }],
  });
  t.end();
});

t.test("only as many kills of the kernel's log count as the container's cgroup has counted", (t) => {
  const killed = [
    { pid: 1, name: "other", limitOf: "/web" },
    { pid: 4711, name: "tail", limitOf: "/web" },
  ];
  const kernel = { killed, seccompCall: undefined };
  const report = gone({ signal: 9, oomKills: 1, cgroup: "/sys/fs/cgroup/web" }, kernel);
  t.match(report, { wrong: true, findings: [{ kind: "oom", words: /killed the first process/ }] });
  t.equal(report.findings.length, 1);
  t.notMatch(JSON.stringify(report), /other/, "of the container that had the cgroup before");
  t.match(gone({ signal: 9, oomKills: 0 }, kernel), { findings: [{ kind: "signal" }] });
  const child = gone({ signal: 9, oomKills: 1 });
  t.match(wordsOf(child), /1 process of it: out of memory; SIGKILL ended it: .*others may have sent it$/);
  t.match(gone({ status: 0, oomKills: 2 }), { findings: [{ kind: "exit" }, { kind: "oom" }] });
  t.end();
});

t.test("the call that seccomp did not allow, and the rule", (t) => {
  const kernel = { killed: [], seccompCall: "mkdir" };
  t.match(wordsOf(gone({ signal: 31 }, kernel)), /does not allow mkdir\(2\)$/);
  t.match(wordsOf(gone({ signal: 31 })), /which one is not known$/);
  const seccomp = {
    defaultAction: "SCMP_ACT_KILL",
    syscalls: [{ names: ["read"], action: "SCMP_ACT_ALLOW" }],
  } as const;
  const report = about(
    { status: "stopped", end: { signal: 31 }, seccomp: { ...seccomp, syscalls: [] } },
    { kernel },
  );
  t.match(report.findings, [{ details: ["the rule: /linux/seccomp/defaultAction"] }]);
  t.end();
});

t.test("states that nobody finishes, and one of an earlier boot", (t) => {
  t.match(about({ status: "stopped", waiting: "creating" }), { state: "half-made", wrong: true });
  t.match(about({ status: "creating" }), { state: "creating", findings: [{ kind: "half-made" }] });
  t.match(about({ status: "stopped", isOfEarlierBoot: true }), {
    wrong: false,
    findings: [{ kind: "earlier boot" }],
  });
  t.match(decide({ id: "web", halfMade: { commands: [] }, kernel: NO_LOG }, judging()), {
    state: "half-made",
  });
  t.match(decide({ id: "web", damage: "it is damaged", kernel: NO_LOG }, judging()), {
    state: "damaged",
    wrong: true,
  });
  t.end();
});

t.test("the name of a command, behind any global option", (t) => {
  const nameIn = (line: string): string =>
    commandName({
      ...{ process: processOf({ command: `tsrun ${line}` }), isTsrun: true, lock: "none" },
      ...{ isMaking: false, children: [] },
    });
  for (const [name, { type }] of Object.entries(globalOptions)) {
    const given = type === "boolean" ? `--${name}` : `--${name} value`;
    t.equal(nameIn(`${given} create --bundle /b web`), "create", given);
  }
  t.equal(nameIn("command 4711 --root=/r delete web"), "delete", "of the shim");
  t.end();
});

t.test("words", (t) => {
  t.strictSame([500, 1000, 61_000, 7_200_000, 172_800_000].map(span), [
    ...["0 seconds", "1 second", "1 minute", "2 hours", "2 days"],
  ]);
  t.equal(time(NOW), "2026-11-29T01:00:00Z");
  t.equal(time(Number.NaN), "an unknown time");
  t.equal(shortCommand("x".repeat(200)).length, 101);
  t.equal(
    meaningOf({ functions: ["schedule", "fuse_simple_request"] }),
    "the server of a FUSE file system does not answer",
  );
  t.equal(meaningOf({ functions: ["pipe_read"] }), undefined);
  t.end();
});
