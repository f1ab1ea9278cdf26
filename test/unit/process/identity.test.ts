// The order in which the first process drops tsrun's privileges, and the place of the seccomp filter in it.

import t from "tap";
import { becomeOperations, outsideOfRoot, placeFilter } from "../../../src/process/identity.ts";
import { type ProcessPlan, planProcess } from "../../../src/process/plan.ts";
import { operation, render } from "../../../src/proxy/calls/operation.ts";
import type { Process } from "../../../src/spec/types.ts";

function plan(process: Partial<Process> = {}): ProcessPlan {
  return planProcess({
    kind: "init",
    id: "box",
    linux: undefined,
    newKeyring: false,
    process: { cwd: "/work", ...process },
  });
}

const usual = { maySetGroups: true, lastCapability: 40, changeDirectory: false, filter: false };

function calls(of: ProcessPlan, options: Partial<typeof usual> = {}): string[] {
  return becomeOperations(of, { ...usual, ...options }).operations.map(render);
}

const filter = [operation("seccomp", [1, 0], "install the seccomp filter")];

t.test("bounding set, groups, gid, uid and capabilities go in this order", async (t) => {
  const of = plan({
    user: { uid: 1000, gid: 100, additionalGids: [4, 24], umask: 0o077 },
    capabilities: {
      bounding: ["CAP_KILL"],
      effective: ["CAP_KILL"],
      permitted: ["CAP_KILL"],
      inheritable: ["CAP_KILL"],
      ambient: ["CAP_KILL"],
    },
    noNewPrivileges: true,
  });
  const all = calls(of);
  const drops = all.filter((call) => call.includes("PR_CAPBSET_DROP"));
  t.equal(drops.length, 40);
  t.notOk(drops.some((call) => call.includes("CAP_KILL")));
  t.strictSame(all.slice(0, 40), drops, "the bounding set comes first");
  t.strictSame(all.slice(40), [
    "prctl(PR_SET_KEEPCAPS, 1)",
    "setgroups(2, [4, 24])",
    "setresgid(100, 100, 100)",
    "setresuid(1000, 1000, 1000)",
    "getcwd({…}, 4096)",
    "prctl(PR_SET_KEEPCAPS, 0)",
    "umask(077)",
    "capset({_LINUX_CAPABILITY_VERSION_3, 0}, {effective=0x20, permitted=0x20, inheritable=0x20})",
    "prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)",
    "prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0)",
    "prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)",
  ]);
});

t.test("capabilities of a later kernel are dropped without a name", async (t) => {
  const last = calls(plan(), { lastCapability: 42 }).filter((call) => call.includes("PR_CAPBSET_DROP"));
  t.strictSame(last.slice(-2), [
    "prctl(PR_CAPBSET_DROP, capability 41)",
    "prctl(PR_CAPBSET_DROP, capability 42)",
  ]);
});

t.test("groups are left alone where setgroups is denied, and dropped everywhere else", async (t) => {
  t.notOk(calls(plan(), { maySetGroups: false }).some((call) => call.startsWith("setgroups")));
  t.ok(calls(plan()).includes("setgroups(0, [])"));
});

t.test("a directory that only the user may enter is entered after the change of user", async (t) => {
  const all = calls(plan(), { changeDirectory: true });
  t.ok(all.indexOf('chdir("/work")') > all.indexOf("setresuid(0, 0, 0)"));
  t.ok(all.indexOf('chdir("/work")') < all.indexOf("getcwd({…}, 4096)"));
  t.notOk(calls(plan()).includes('chdir("/work")'));
});

t.test("with no_new_privs the filter comes right before execve, and nothing is kept for it", async (t) => {
  const of = plan({ noNewPrivileges: true });
  t.strictSame(calls(of, { filter: true }), calls(of));
  t.strictSame(placeFilter(of, filter), { beforeWaiting: [], afterHandOver: [], beforeExecute: filter });
});

t.test(
  "a filter that notifies comes before the wait, and what follows it is a batch of its own",
  async (t) => {
    const notifies = true;
    const first = { beforeWaiting: filter, afterHandOver: [], beforeExecute: [] };
    t.strictSame(placeFilter(plan({ noNewPrivileges: true }), filter, { notifies }), first);
    const { beforeWaiting, afterHandOver, beforeExecute } = placeFilter(plan(), filter, { notifies });
    t.equal(beforeWaiting.length, 2);
    t.equal(beforeWaiting.at(-1), filter[0]);
    t.strictSame(
      afterHandOver.map(({ call }) => call),
      ["capset"],
    );
    t.strictSame(beforeExecute, []);
  },
);

t.test(
  "without it CAP_SYS_ADMIN is kept permitted until the filter is in, and goes right after it",
  async (t) => {
    const of = plan({ capabilities: { effective: ["CAP_KILL"], permitted: ["CAP_KILL"] } });
    const all = calls(of, { filter: true });
    t.match(all.at(-2), /^capset\(.*effective=0x20, permitted=0x200020, inheritable=0x0/);
    t.match(all.at(-1), /PR_CAP_AMBIENT_CLEAR_ALL/);
    const { beforeWaiting, beforeExecute } = placeFilter(of, filter);
    t.strictSame(beforeExecute, []);
    t.match(beforeWaiting.map(render), [
      /^capset\(.*effective=0x200020, permitted=0x200020/,
      /^seccomp\(/,
      /^capset\(.*effective=0x20, permitted=0x20, inheritable=0x0/,
    ]);
  },
);

t.test("a working directory that the kernel calls unreachable is outside", async (t) => {
  t.equal(outsideOfRoot("(unreachable)/etc"), true);
  t.equal(outsideOfRoot(""), true);
  t.equal(outsideOfRoot("/"), false);
  t.equal(outsideOfRoot("/a/b"), false);
});
