// The profile that allows what was used: never more than the container's own one.

import t from "tap";
import { allowsSomehow, countAllowed, learntProfile, mergedProfile } from "../../../src/record/profile.ts";
import type { Seccomp, SeccompArg, SeccompSyscall } from "../../../src/spec/types.ts";
import { DOCKER_DEFAULT } from "../seccomp/docker-default.ts";

function learnt(own: Seccomp | undefined, ...used: string[]) {
  return learntProfile({
    own,
    used: new Set(used),
    architectures: ["SCMP_ARCH_X86_64"],
    noNewPrivileges: true,
  });
}

const allow = (names: string[], args?: SeccompArg[]): SeccompSyscall => ({
  names,
  action: "SCMP_ACT_ALLOW",
  ...(args === undefined ? {} : { args }),
});
const deny = (names: string[], errnoRet: number, args?: SeccompArg[]): SeccompSyscall => ({
  names,
  action: "SCMP_ACT_ERRNO",
  errnoRet,
  ...(args === undefined ? {} : { args }),
});

/** Whether a profile lets a call with these arguments happen, by the rules of seccomp_rule_add(3). */
function permits({ defaultAction, syscalls = [] }: Seccomp, name: string, args: readonly bigint[]): boolean {
  const rules = syscalls.filter((rule) => rule.names.includes(name) && holds(rule.args ?? [], args));
  const action = rules.at(-1)?.action ?? defaultAction;
  return action === "SCMP_ACT_ALLOW" || action === "SCMP_ACT_LOG";
}

function holds(conditions: readonly SeccompArg[], args: readonly bigint[]): boolean {
  const indexes = new Set(conditions.map(({ index }) => index));
  const met = (one: SeccompArg) => meets(one, args[one.index] ?? 0n);
  return indexes.size === conditions.length ? conditions.every(met) : conditions.some(met);
}

function meets({ op, value, valueTwo = 0 }: SeccompArg, argument: bigint): boolean {
  const [one, two] = [BigInt(value), BigInt(valueTwo)];
  switch (op) {
    case "SCMP_CMP_EQ":
      return argument === one;
    case "SCMP_CMP_NE":
      return argument !== one;
    case "SCMP_CMP_LT":
      return argument < one;
    case "SCMP_CMP_LE":
      return argument <= one;
    case "SCMP_CMP_GT":
      return argument > one;
    case "SCMP_CMP_GE":
      return argument >= one;
    default:
      return (argument & one) === two;
  }
}

t.test("without a profile it allows what was used and what a runtime needs, and nothing else", (test) => {
  const { profile, runtime } = learnt(undefined, "read", "brk", "uname");
  test.equal(profile.defaultAction, "SCMP_ACT_ERRNO");
  test.equal(profile.defaultErrnoRet, 1);
  test.strictSame(profile.architectures, ["SCMP_ARCH_X86_64"]);
  const names = profile.syscalls?.flatMap((rule) => rule.names) ?? [];
  test.strictSame(names, [...runtime, "read", "brk", "uname"].sort());
  test.ok(runtime.includes("execve") && !runtime.includes("read"));
  test.notOk(names.includes("capset"), "needed only where the filter comes early");
  test.end();
});

t.test("where the filter comes early, a runtime makes more calls under it", (test) => {
  const late = learntProfile({ own: undefined, used: new Set(), architectures: [], noNewPrivileges: true });
  const early = learntProfile({ own: undefined, used: new Set(), architectures: [], noNewPrivileges: false });
  test.ok(late.runtime.every((name) => early.runtime.includes(name)));
  for (const name of ["capset", "setuid", "setgid"]) test.ok(early.runtime.includes(name), name);
  test.end();
});

t.test("the rules of a profile that denies stay, with fewer names", (test) => {
  const flags = [{ index: 0, value: 0x7e020000, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" as const }];
  const own: Seccomp = {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 1,
    architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
    flags: ["SECCOMP_FILTER_FLAG_LOG"],
    syscalls: [allow(["read", "write", "mount"]), allow(["clone"], flags), deny(["clone3", "bpf"], 38)],
  };
  const { profile, runtime, inexpressible } = learnt(own, "read", "clone");
  test.strictSame(profile, {
    ...own,
    syscalls: [allow(["read", "write"]), allow(["clone"], flags), deny(["clone3", "bpf"], 38)],
  });
  test.strictSame(runtime, ["write"], "what the own profile does not allow is not added");
  test.strictSame(inexpressible, []);
  test.end();
});

t.test("a call that the own profile denies is never allowed", (test) => {
  const { profile } = learnt(DOCKER_DEFAULT, "read", "mount", "clone3");
  for (const name of ["mount", "clone3", "bpf"]) test.notOk(allowsSomehow(profile, name), name);
  test.ok(allowsSomehow(profile, "read"));
  test.end();
});

const CONDITIONS: SeccompArg[][] = [
  [{ index: 0, value: 5, op: "SCMP_CMP_EQ" }],
  [{ index: 0, value: 5, op: "SCMP_CMP_NE" }],
  [{ index: 0, value: 5, op: "SCMP_CMP_LT" }],
  [{ index: 0, value: 5, op: "SCMP_CMP_LE" }],
  [{ index: 0, value: 5, op: "SCMP_CMP_GT" }],
  [{ index: 0, value: 5, op: "SCMP_CMP_GE" }],
  [{ index: 0, value: 6, valueTwo: 4, op: "SCMP_CMP_MASKED_EQ" }],
  [
    { index: 0, value: 5, op: "SCMP_CMP_EQ" },
    { index: 1, value: 3, op: "SCMP_CMP_GT" },
  ],
];

t.test("where the own profile allows all but some arguments, so does the result", (test) => {
  for (const args of CONDITIONS) {
    const own: Seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [deny(["socket"], 1, args)] };
    const { profile, inexpressible } = learnt(own, "socket");
    test.strictSame(inexpressible, []);
    for (let first = 0n; first < 9n; first++) {
      for (let second = 0n; second < 6n; second++) {
        const call = [first, second];
        const expected = permits(own, "socket", call);
        if (permits(profile, "socket", call) !== expected) {
          test.fail(`${JSON.stringify(args)} with ${first}, ${second}`);
        }
      }
    }
    test.notOk(permits(profile, "mount", []), "what was not used is denied");
  }
  test.end();
});

t.test("several conditions on several arguments are turned round, on one argument they cannot be", (test) => {
  const two: Seccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [
      deny(["socket"], 1, [{ index: 0, value: 5, op: "SCMP_CMP_EQ" }]),
      deny(["socket"], 1, [{ index: 1, value: 3, op: "SCMP_CMP_EQ" }]),
    ],
  };
  const { profile } = learnt(two, "socket");
  test.ok(permits(profile, "socket", [4n, 4n]));
  for (const call of [
    [5n, 4n],
    [4n, 3n],
    [5n, 3n],
  ]) {
    test.notOk(permits(profile, "socket", call));
  }
  const same: Seccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [
      deny(["socket"], 1, [{ index: 0, value: 5, op: "SCMP_CMP_EQ" }]),
      deny(["socket"], 1, [{ index: 0, value: 3, op: "SCMP_CMP_EQ" }]),
    ],
  };
  const result = learnt(same, "socket", "read");
  test.strictSame(result.inexpressible, ["socket"]);
  test.notOk(
    allowsSomehow({ ...result.profile, syscalls: result.profile.syscalls?.slice(0, 1) ?? [] }, "socket"),
  );
  test.end();
});

t.test("merging allows what either allows, and keeps what both deny", (test) => {
  const own: Seccomp = {
    defaultAction: "SCMP_ACT_ERRNO",
    syscalls: [allow(["read", "write", "brk"]), deny(["clone3"], 38)],
  };
  const both = mergedProfile(learnt(own, "read").profile, learnt(own, "brk").profile);
  const names = ["read", "brk"].every((name) => allowsSomehow(both, name));
  test.ok(names);
  test.strictSame(
    both.syscalls?.map((rule) => rule.action),
    ["SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"],
  );
  test.notOk(allowsSomehow(both, "clone3"));
  const other = mergedProfile(both, learnt(undefined, "clone3").profile);
  test.ok(allowsSomehow(other, "clone3"), "allowed without conditions by one of them");
  test.notOk(other.syscalls?.some(({ action }) => action === "SCMP_ACT_ERRNO"));
  test.strictSame(mergedProfile(both, both), both);
  test.end();
});

t.test("conditions are not merged with each other", (test) => {
  const args: SeccompArg[] = [{ index: 0, value: 5, op: "SCMP_CMP_EQ" }];
  const one: Seccomp = { defaultAction: "SCMP_ACT_ERRNO", syscalls: [allow(["socket"], args)] };
  const other: Seccomp = { defaultAction: "SCMP_ACT_ERRNO", syscalls: [allow(["read"])] };
  const both = mergedProfile(one, other);
  test.ok(permits(both, "socket", [5n]));
  test.notOk(permits(both, "socket", [6n]));
  test.ok(permits(both, "read", []));
  test.end();
});

t.test("allowed calls are counted by name", (test) => {
  const known = ["read", "write", "mount", "clone3"];
  test.equal(countAllowed(undefined, known), 4);
  test.equal(countAllowed(DOCKER_DEFAULT, known), 2);
  const own: Seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [deny(["mount"], 1)] };
  test.equal(countAllowed(own, known), 3);
  test.end();
});
