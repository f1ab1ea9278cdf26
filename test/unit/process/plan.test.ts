// The plan of a process: defaults, numbers for names, and what an `exec` takes from its container.

import t from "tap";
import { type ProcessInput, type ProcessPlan, planProcess } from "../../../src/process/plan.ts";
import type { Process } from "../../../src/spec/types.ts";

function plan(process: Partial<Process>, input: Partial<ProcessInput> = {}): ProcessPlan {
  return planProcess({
    kind: "init",
    id: "box",
    linux: undefined,
    newKeyring: true,
    ...input,
    process: { cwd: "/", ...process },
  });
}

t.test("defaults are root, umask 0022 and nothing else", async (t) => {
  const { user, umask, rlimits, noNewPrivileges, oomScoreAdj, args, apparmorProfile } = plan({});
  t.strictSame(user, { uid: 0, gid: 0, additionalGids: [] });
  t.equal(umask, 0o022);
  t.strictSame({ rlimits, noNewPrivileges, args }, { rlimits: [], noNewPrivileges: false, args: [] });
  t.strictSame([oomScoreAdj, apparmorProfile], [undefined, undefined]);
});

t.test("an OOM score of 0 is one", async (t) => {
  t.equal(plan({ oomScoreAdj: 0 }).oomScoreAdj, 0);
});

t.test("no limit is all bits, also when a parser has rounded it", async (t) => {
  const { rlimits } = plan({
    rlimits: [
      { type: "RLIMIT_NOFILE", soft: 1024, hard: 18446744073709551615n },
      { type: "RLIMIT_CORE", soft: 0, hard: 2 ** 64 },
    ],
  });
  t.strictSame(rlimits, [
    { name: "RLIMIT_NOFILE", resource: 7, soft: 1024n, hard: 0xffffffffffffffffn },
    { name: "RLIMIT_CORE", resource: 4, soft: 0n, hard: 0xffffffffffffffffn },
  ]);
});

t.test(
  "the id that means 'no change' to the kernel is refused: it would leave the process root",
  async (t) => {
    for (const user of [{ uid: 0xffffffff }, { gid: 0xffffffff }]) {
      t.throws(() => plan({ user }), { code: "E_CONFIG", message: /is no id/ });
    }
  },
);

t.test(
  "what the process of an exec does not say is taken from the container's, but for the limits",
  async (t) => {
    const container: Process = {
      cwd: "/home",
      user: { uid: 5, umask: 0o077 },
      capabilities: { bounding: ["CAP_KILL"] },
      rlimits: [{ type: "RLIMIT_NOFILE", soft: 1, hard: 2 }],
      apparmorProfile: "profile",
      selinuxLabel: "label",
      scheduler: { policy: "SCHED_IDLE" },
      ioPriority: { class: "IOPRIO_CLASS_IDLE" },
      oomScoreAdj: 7,
      execCPUAffinity: { final: "0" },
    };
    const inherited = plan({ apparmorProfile: "" }, { kind: "exec", container });
    t.match(inherited, {
      umask: 0o077,
      capabilities: { bounding: 1n << 5n },
      rlimits: [],
      apparmorProfile: "profile",
      selinuxLabel: "label",
      scheduling: { scheduler: { policy: "SCHED_IDLE" }, ioPriority: { class: "IOPRIO_CLASS_IDLE" } },
      oomScoreAdj: 7,
      affinity: { initial: undefined, final: "0" },
    });
    t.equal(inherited.user.uid, 0, "but not the user");
    t.equal(plan({ oomScoreAdj: 9 }, { kind: "exec", container }).oomScoreAdj, 7);
    const own = plan({ capabilities: {}, user: { umask: 0 } }, { kind: "exec", container });
    t.equal(own.capabilities.bounding, 0n);
    t.equal(own.umask, 0);
  },
);

t.test("CPU affinity is for exec only", async (t) => {
  t.equal(plan({ execCPUAffinity: { initial: "0", final: "1" } }).affinity.final, undefined);
});

t.test("a joined user namespace is one as well", async (t) => {
  t.equal(plan({}).userNamespace, false);
  const linux = { namespaces: [{ type: "user" as const, path: "/proc/1/ns/user" }] };
  t.equal(plan({}, { linux }).userNamespace, true);
});
