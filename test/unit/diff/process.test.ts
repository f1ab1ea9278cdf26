// The first process beside what was asked for it.

import t from "tap";
import { afterExecute } from "../../../src/diff/capabilities.ts";
import { type AskedProcess, compareProcess, type ProcessFacts } from "../../../src/diff/process.ts";
import { compareRlimits } from "../../../src/diff/rlimits.ts";
import { type PlannedRlimit, planProcess } from "../../../src/process/plan.ts";
import type { Process } from "../../../src/spec/types.ts";

const KILL = 1n << 5n;
const SYS_ADMIN = 1n << 21n;

function asked(process: Partial<Process>, more: Partial<AskedProcess> = {}): AskedProcess {
  const whole: Process = { cwd: "/", args: ["x"], ...process };
  const plan = planProcess({ kind: "init", id: "x", process: whole, linux: {}, newKeyring: true });
  return { process: plan, rootless: false, hasFilter: false, callerStatus: "", ...more };
}

interface Status {
  readonly Uid?: string;
  readonly Gid?: string;
  readonly Groups?: string;
  readonly Umask?: string;
  readonly caps?: readonly bigint[];
  readonly NoNewPrivs?: number;
  readonly Seccomp?: number;
  readonly filters?: number;
}

function facts(status: Status = {}, more: Partial<ProcessFacts> = {}): ProcessFacts {
  const { Uid = "0", Gid = "0", Groups = "", Umask = "0022", caps = [], NoNewPrivs = 0 } = status;
  const four = (id: string) => Array(4).fill(id).join("\t");
  const [inh = 0n, prm = 0n, eff = 0n, bnd = 0n, amb = 0n] = caps;
  const hex = (mask: bigint) => mask.toString(16).padStart(16, "0");
  const text = [
    `Name:\tx\nUmask:\t${Umask}\nUid:\t${four(Uid)}\nGid:\t${four(Gid)}\nGroups:\t${Groups}`,
    `CapInh:\t${hex(inh)}\nCapPrm:\t${hex(prm)}\nCapEff:\t${hex(eff)}`,
    `CapBnd:\t${hex(bnd)}\nCapAmb:\t${hex(amb)}\nNoNewPrivs:\t${NoNewPrivs}`,
    `Seccomp:\t${status.Seccomp ?? 0}\nSeccomp_filters:\t${status.filters ?? 0}\n`,
  ].join("\n");
  return {
    pid: 7,
    status: text,
    limits: "",
    oomScoreAdj: "0",
    apparmor: undefined,
    selinux: undefined,
    waits: false,
    isPrivilegedFile: false,
    lastCapability: 40,
    ids: { uids: [], gids: [] },
    maySetGroups: true,
    ...more,
  };
}

/** What counts, and after a bar what does not. */
function told(one: AskedProcess, other: ProcessFacts): string[] {
  return compareProcess(one, other).map(
    ({ what, asked, found, own }) => `${own === true ? "| " : ""}${what}: ${asked} -> ${found}`,
  );
}

t.test("execve gives root what bounds it, and another user only what is ambient", async (t) => {
  const masks = { bounding: KILL | SYS_ADMIN, effective: 0n, permitted: KILL, inheritable: 0n, ambient: 0n };
  const user = (uid: number) => ({ uid, gid: 0, additionalGids: [] });
  const of = (uid: number, noNewPrivileges: boolean, more = {}) =>
    afterExecute({ capabilities: { ...masks, ...more }, user: user(uid), noNewPrivileges }).permitted;
  t.equal(of(0, false), KILL | SYS_ADMIN);
  t.equal(of(0, true), KILL, "no more than it had");
  t.equal(of(1000, false), 0n);
  t.equal(of(1000, true, { ambient: KILL, inheritable: KILL }), KILL);
});

t.test("nothing is told of a process as it was asked for", async (t) => {
  const capabilities = { bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"] };
  const status = { caps: [0n, KILL, KILL, KILL, 0n] };
  t.strictSame(told(asked({ capabilities }), facts(status)), []);
  const user = { uid: 1000, gid: 5, additionalGids: [7, 7, 9], umask: 0o27 };
  const its = { Uid: "1000", Gid: "5", Groups: "7 9 ", Umask: "0027" };
  t.strictSame(told(asked({ user }), facts(its)), []);
});

t.test("ids are compared as the reader sees them", async (t) => {
  const ids = {
    uids: [{ containerID: 0, hostID: 100_000, size: 10 }],
    gids: [{ containerID: 0, hostID: 200_000, size: 10 }],
  };
  const one = asked({ user: { uid: 3, gid: 4 } });
  t.strictSame(told(one, facts({ Uid: "100003", Gid: "200004" }, { ids })), []);
  t.strictSame(told(one, facts({ Uid: "100005", Gid: "200004" }, { ids })), ["| user: 100003 -> 100005"]);
  t.strictSame(
    told(one, facts({ Uid: "100000", Gid: "200004" }, { ids })),
    ["user: 100003 -> 100000"],
    "root counts",
  );
  t.strictSame(told(one, facts({ Uid: "5", Gid: "5" }, { ids: undefined })), [], "not to be compared");
});

t.test("more groups count unless the process has become somebody else", async (t) => {
  t.strictSame(told(asked({}), facts({ Groups: "7" })), ["supplementary groups: none -> 7"]);
  const server = told(asked({}), facts({ Uid: "33", Gid: "33", Groups: "33" }));
  t.strictSame(server, ["| user: 0 -> 33", "| group: 0 -> 33", "| supplementary groups: none -> 33"]);
  t.strictSame(told(asked({}), facts({ Groups: "7" }, { maySetGroups: false })), []);
});

t.test("more capabilities count, fewer do not", async (t) => {
  const capabilities = { bounding: ["CAP_KILL"], effective: ["CAP_KILL"], permitted: ["CAP_KILL"] };
  const more = [0n, KILL | SYS_ADMIN, KILL, KILL | SYS_ADMIN, 0n];
  t.strictSame(told(asked({ capabilities }), facts({ caps: more })), [
    "bounding capabilities: without them -> also CAP_SYS_ADMIN",
    "permitted capabilities: without them -> also CAP_SYS_ADMIN",
  ]);
  t.strictSame(told(asked({ capabilities }), facts({ caps: [0n, 0n, 0n, KILL, 0n] })), [
    "| permitted capabilities: CAP_KILL -> without CAP_KILL",
    "| effective capabilities: CAP_KILL -> without CAP_KILL",
  ]);
  const own = facts({ caps: [KILL, KILL, KILL, KILL, KILL] });
  t.strictSame(
    told(asked({ capabilities }), own),
    [],
    "what is permitted may be made inheritable, and ambient",
  );
});

t.test("a program's file may give what bounds it", async (t) => {
  const one = asked({ user: { uid: 5 }, capabilities: { bounding: ["CAP_KILL"] } });
  const status = { Uid: "5", caps: [0n, KILL, KILL, KILL, 0n] };
  t.strictSame(told(one, facts(status, { isPrivilegedFile: true })), []);
  t.equal(told(one, facts(status)).length, 2);
});

t.test(
  "a process that waits has the sets as they are written, and what is needed for the filter",
  async (t) => {
    const one = asked({ capabilities: { bounding: ["CAP_KILL"] } }, { hasFilter: true });
    const status = { caps: [0n, SYS_ADMIN, 0n, KILL, 0n], Umask: "0000" };
    t.strictSame(told(one, facts(status, { waits: true })), []);
  },
);

t.test("nobody is given a capability that the caller does not have", async (t) => {
  const capabilities = { bounding: ["CAP_KILL", "CAP_SYS_ADMIN"] };
  const callerStatus = `\nCapBnd:\t${KILL.toString(16)}\n`;
  const status = { caps: [0n, KILL, KILL, KILL, 0n] };
  t.strictSame(told(asked({ capabilities }, { callerStatus }), facts(status)), []);
});

t.test("no_new_privs and seccomp: what is missing counts, what was added does not", async (t) => {
  const one = asked({ noNewPrivileges: true }, { hasFilter: true });
  t.strictSame(told(one, facts()), ["no_new_privs: on -> off", "seccomp: 1 filter -> no filter (mode 0)"]);
  t.strictSame(told(one, facts({ NoNewPrivs: 1, Seccomp: 2, filters: 1 })), []);
  t.strictSame(told(asked({}), facts({ NoNewPrivs: 1, Seccomp: 2, filters: 2 })), [
    "| no_new_privs: off -> on",
    "| seccomp: no filter -> 2 filters",
  ]);
  const callerStatus = "\nNoNewPrivs:\t1\nSeccomp_filters:\t2\n";
  t.strictSame(
    told(asked({}, { callerStatus }), facts({ NoNewPrivs: 1, Seccomp: 2, filters: 2 })),
    [],
    "the caller's",
  );
});

t.test("labels are compared by name, once the program runs", async (t) => {
  const one = asked({ apparmorProfile: "docker-default", selinuxLabel: "a:b:c:s0" });
  const its = { apparmor: "docker-default (enforce)\n", selinux: "a:b:c:s0\0" };
  t.strictSame(told(one, facts({}, its)), []);
  t.strictSame(told(one, facts({}, { apparmor: "unconfined\n", selinux: "a:b:d:s0" })), [
    "AppArmor profile: docker-default -> unconfined",
    "SELinux label: a:b:c:s0 -> a:b:d:s0",
  ]);
  t.strictSame(told(one, facts({}, { apparmor: "unconfined", waits: true })), []);
});

t.test("the OOM score; an ordinary user may only raise it", async (t) => {
  t.strictSame(told(asked({ oomScoreAdj: -5 }), facts()), ["oom_score_adj: -5 -> 0"]);
  t.strictSame(told(asked({ oomScoreAdj: -5 }, { rootless: true }), facts()), []);
  t.strictSame(told(asked({}), facts({}, { oomScoreAdj: "300" })), [], "none was asked for");
});

const LIMITS = `Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max open files            64                   128                  files
Max realtime timeout      unlimited            unlimited            us
`;

t.test("resource limits: a hard limit that was raised counts", async (t) => {
  const limit = (soft: bigint, hard: bigint): PlannedRlimit => ({
    name: "RLIMIT_NOFILE",
    resource: 7,
    soft,
    hard,
  });
  const lines = (one: PlannedRlimit) =>
    compareRlimits([one], LIMITS).map(({ asked, found, own }) => [asked, found, own]);
  t.strictSame(lines(limit(64n, 128n)), []);
  t.strictSame(lines(limit(32n, 64n)), [["32, hard 64", "64, hard 128", undefined]]);
  t.strictSame(lines(limit(32n, 128n)), [["32, hard 128", "64, hard 128", true]]);
  t.strictSame(lines(limit(2n ** 64n - 1n, 2n ** 64n - 1n)), [["unlimited", "64, hard 128", true]]);
  const cpu: PlannedRlimit = { name: "RLIMIT_CPU", resource: 0, soft: 5n, hard: 2n ** 64n - 1n };
  t.strictSame(lines(cpu), [["5, hard unlimited", "unlimited", true]]);
});
