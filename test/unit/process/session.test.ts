// Session, keyring and OOM score of a new process.

import t from "tap";
import { NO_LABELS } from "../../../src/process/labels.ts";
import { type ProcessPlan, planProcess } from "../../../src/process/plan.ts";
import { separate } from "../../../src/process/session.ts";
import { type Operation, render } from "../../../src/proxy/calls/operation.ts";
import type { Linux } from "../../../src/spec/types.ts";

interface Wish {
  readonly kind?: "init" | "exec";
  readonly linux?: Linux;
  readonly newKeyring?: boolean;
  readonly oomScoreAdj?: number;
}

function plan({ kind = "init", linux, newKeyring = true, oomScoreAdj }: Wish): ProcessPlan {
  const process = oomScoreAdj === undefined ? { cwd: "/" } : { cwd: "/", oomScoreAdj };
  return planProcess({ kind, id: "box", linux, newKeyring, process });
}

function calls(wish: Wish, rootless = false): string[] {
  return separate(plan(wish), { rootless }).operations().map(render);
}

/** Pretends that the operations were carried out; `results` by position, 0 for the others. */
function carryOut(operations: readonly Operation[], results: Record<number, number>): void {
  operations.forEach((one, index) => {
    one.result = results[index] ?? 0;
  });
}

t.test("a keyring by the container's name is made searchable for the user", async (t) => {
  t.strictSame(calls({}), [
    "setsid()",
    'keyctl(KEYCTL_JOIN_SESSION_KEYRING, "_ses.box")',
    "keyctl(KEYCTL_SETPERM, <keyctl>, 0x3f1b0000)",
  ]);
});

t.test("SELinux labels the keyring, and no key that is made later", async (t) => {
  const labelled = planProcess({
    kind: "init",
    id: "box",
    linux: undefined,
    newKeyring: true,
    process: { cwd: "/", selinuxLabel: "a:b:c:s0" },
  });
  const { operations } = separate(labelled, { rootless: false, labels: { ...NO_LABELS, keys: 7 } });
  t.strictSame(operations().map(render), [
    "setsid()",
    'write(7, "a:b:c:s0", 8)',
    'keyctl(KEYCTL_JOIN_SESSION_KEYRING, "_ses.box")',
    "keyctl(KEYCTL_SETPERM, <keyctl>, 0x3f1b0000)",
    'write(7, "", 0)',
    "close(7)",
  ]);
});

t.test("in a user namespace it is made searchable for others", async (t) => {
  t.equal(
    calls({ linux: { namespaces: [{ type: "user" }] } })[2],
    "keyctl(KEYCTL_SETPERM, <keyctl>, 0x3f130008)",
  );
});

t.test("exec joins the keyring as it is, and --no-new-keyring none", async (t) => {
  t.strictSame(calls({ kind: "exec" }).slice(1), ['keyctl(KEYCTL_JOIN_SESSION_KEYRING, "_ses.box")']);
  t.strictSame(calls({ newKeyring: false }), ["setsid()"]);
});

t.test("a kernel without keyrings is no failure, anything else is", async (t) => {
  const session = separate(plan({}), { rootless: false });
  carryOut(session.operations(), { 1: -38, 2: -38 });
  session.finish?.();
  carryOut(session.operations(), { 1: -122 });
  t.throws(() => session.finish?.(), {
    code: "E_SYSCALL",
    message: /cannot join the session keyring "_ses.box"/,
  });
  carryOut(session.operations(), { 1: 42, 2: -13 });
  t.throws(() => session.finish?.(), { message: /cannot make the session keyring searchable.*EACCES/ });
});

t.test("the OOM score is written also when it is 0", async (t) => {
  t.strictSame(calls({ newKeyring: false, oomScoreAdj: 0 }), [
    "setsid()",
    'openat(AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY|O_CLOEXEC, 00)',
    'write(<openat>, "0", 1)',
    "close(<openat>)",
  ]);
});

t.test("rootless the process owns its files for that moment, and may fail", async (t) => {
  const operations = separate(plan({ newKeyring: false, oomScoreAdj: -5 }), { rootless: true }).operations();
  t.match(operations.map(render), [
    "setsid()",
    "prctl(PR_SET_DUMPABLE, 1)",
    /^openat/,
    /^write/,
    /^close/,
    "prctl(PR_SET_DUMPABLE, 0)",
  ]);
  t.strictSame(
    operations.map(({ goOn }) => goOn === true),
    [false, false, true, true, true, false],
  );
});
