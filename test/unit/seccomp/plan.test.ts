// Seccomp profiles as numbers: runc's rules for what is understood, ignored and refused.

import t from "tap";
import { planFilter } from "../../../src/seccomp/plan.ts";
import { isEmptyProfile } from "../../../src/seccomp/profile.ts";
import type { Seccomp, SeccompSyscall } from "../../../src/spec/types.ts";
import { DOCKER_DEFAULT } from "./docker-default.ts";

const allowAll: Seccomp = { defaultAction: "SCMP_ACT_ALLOW" };

function withRule(rule: Partial<SeccompSyscall>): Seccomp {
  return { ...allowAll, syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_KILL", ...rule }] };
}

function firstAction(rule: Partial<SeccompSyscall>): number | undefined {
  return planFilter(withRule(rule)).groups[0]?.action;
}

/** A profile that the types would not allow, as a caller past the schema check might send it. */
function unchecked(profile: object): Seccomp {
  return { ...allowAll, ...profile } as Seccomp;
}

t.test("every action has its SECCOMP_RET value", async (t) => {
  const values = {
    SCMP_ACT_KILL: 0,
    SCMP_ACT_KILL_THREAD: 0,
    SCMP_ACT_KILL_PROCESS: 0x80000000,
    SCMP_ACT_TRAP: 0x00030000,
    SCMP_ACT_ERRNO: 0x00050001,
    SCMP_ACT_TRACE: 0x7ff00001,
    SCMP_ACT_ALLOW: 0x7fff0000,
    SCMP_ACT_LOG: 0x7ffc0000,
    SCMP_ACT_NOTIFY: 0x7fc00000,
  } as const;
  for (const [action, value] of Object.entries(values)) {
    t.equal(firstAction({ action: action as SeccompSyscall["action"] }), value, action);
  }
});

t.test("errnoRet goes into the actions that carry a number, and only there", async (t) => {
  t.equal(firstAction({ action: "SCMP_ACT_ERRNO", errnoRet: 38 }), 0x00050026);
  t.equal(firstAction({ action: "SCMP_ACT_ERRNO", errnoRet: 0 }), 0x00050000);
  t.equal(firstAction({ action: "SCMP_ACT_TRACE", errnoRet: 7 }), 0x7ff00007);
  t.equal(firstAction({ action: "SCMP_ACT_KILL_PROCESS", errnoRet: 38 }), 0x80000000);
  t.equal(planFilter({ defaultAction: "SCMP_ACT_ERRNO" }).defaultAction, 0x00050001);
  t.equal(planFilter({ defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 6 }).defaultAction, 0x00050006);
});

t.test("a number that the kernel has no room for is refused", async (t) => {
  t.equal(firstAction({ action: "SCMP_ACT_ERRNO", errnoRet: 4095 }), 0x00050fff);
  t.equal(firstAction({ action: "SCMP_ACT_TRACE", errnoRet: 65535 }), 0x7ff0ffff);
  for (const [action, errnoRet] of [
    ["SCMP_ACT_ERRNO", 4096],
    ["SCMP_ACT_ERRNO", 65537],
    ["SCMP_ACT_TRACE", 65536],
  ] as const) {
    t.throws(() => firstAction({ action, errnoRet }), {
      code: "E_CONFIG",
      message: /^cannot use \d+ as the number/,
    });
  }
});

t.test("absent flags mean SPEC_ALLOW, an empty list means none", async (t) => {
  const flags = (list: Seccomp["flags"]) =>
    planFilter(list === undefined ? allowAll : { ...allowAll, flags: list });
  t.equal(flags(undefined).flags, 4);
  t.equal(flags([]).flags, 0);
  t.equal(flags(["SECCOMP_FILTER_FLAG_TSYNC"]).flags, 0);
  t.equal(flags(["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"]).flags, 6);
});

t.test(
  "a rule that notifies asks for a listener, and only then is WAIT_KILLABLE_RECV passed on",
  async (t) => {
    const flags = ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"] as const;
    const notifying = planFilter({ ...withRule({ action: "SCMP_ACT_NOTIFY" }), flags });
    t.equal(notifying.notify, true);
    t.equal(notifying.flags, 8 | 32);
    const shared = planFilter({
      ...withRule({ action: "SCMP_ACT_NOTIFY" }),
      flags: ["SECCOMP_FILTER_FLAG_TSYNC"],
    });
    t.equal(shared.flags, 8, "the kernel refuses TSYNC together with a listener");
    const plain = planFilter({ ...allowAll, flags });
    t.equal(plain.notify, false);
    t.equal(plain.flags, 0);
  },
);

t.test("NOTIFY is refused as the default and for write", async (t) => {
  t.throws(() => planFilter({ defaultAction: "SCMP_ACT_NOTIFY" }), {
    code: "E_CONFIG",
    message: "cannot use SCMP_ACT_NOTIFY as the default action of a seccomp profile",
  });
  t.throws(() => planFilter(withRule({ names: ["read", "write"], action: "SCMP_ACT_NOTIFY" })), {
    code: "E_CONFIG",
    message: "SCMP_ACT_NOTIFY cannot be used for the write syscall",
  });
});

t.test("conditions on different arguments must all hold", async (t) => {
  const args = [
    { index: 0, value: 1, op: "SCMP_CMP_EQ" },
    { index: 2, value: 0xff, valueTwo: 3, op: "SCMP_CMP_MASKED_EQ" },
  ] as const;
  t.same(planFilter(withRule({ args })).groups[0]?.alternatives, [
    [
      { index: 0, operator: 4, value: 1n, valueTwo: 0n },
      { index: 2, operator: 7, value: 0xffn, valueTwo: 3n },
    ],
  ]);
});

t.test("two conditions on one argument make every condition a rule of its own", async (t) => {
  const args = [
    { index: 0, value: 1, op: "SCMP_CMP_EQ" },
    { index: 1, value: 5, op: "SCMP_CMP_GT" },
    { index: 0, value: 2, op: "SCMP_CMP_EQ" },
  ] as const;
  const alternatives = planFilter(withRule({ args })).groups[0]?.alternatives;
  t.same(
    alternatives?.map((conditions) => conditions.map(({ index, value }) => [index, value])),
    [[[0, 1n]], [[1, 5n]], [[0, 2n]]],
  );
});

t.test("a rule without conditions is one rule without conditions", async (t) => {
  t.same(planFilter(withRule({})).groups[0]?.alternatives, [[]]);
  t.same(planFilter(withRule({ args: [] })).groups[0]?.alternatives, [[]]);
});

t.test("every operator has libseccomp's number", async (t) => {
  const numbers = { NE: 1, LT: 2, LE: 3, EQ: 4, GE: 5, GT: 6, MASKED_EQ: 7 };
  for (const [name, number] of Object.entries(numbers)) {
    const plan = planFilter(
      unchecked(withRule({ args: [{ index: 0, value: 0, op: `SCMP_CMP_${name}` as never }] })),
    );
    t.equal(plan.groups[0]?.alternatives[0]?.[0]?.operator, number, name);
  }
});

t.test("an operand may have all 64 bits when it is exact, and is refused when it cannot be", async (t) => {
  const operand = (value: number | bigint) =>
    planFilter(withRule({ args: [{ index: 0, value, op: "SCMP_CMP_EQ" }] })).groups[0]?.alternatives[0]?.[0]
      ?.value;
  t.equal(operand(2n ** 64n - 1n), 2n ** 64n - 1n);
  t.equal(operand(2 ** 53 - 1), 2n ** 53n - 1n);
  for (const value of [2 ** 53, -1, -1n, 2n ** 64n, 1.5]) {
    t.throws(() => operand(value), { code: "E_CONFIG", message: /^cannot use .* as a seccomp operand/ });
  }
});

t.test("words that are not known are refused by name, with those that are", async (t) => {
  const refused: readonly [object, string][] = [
    [{ defaultAction: "SCMP_ACT_PRAY" }, 'cannot use "SCMP_ACT_PRAY" as a seccomp action'],
    [{ architectures: ["SCMP_ARCH_VAX"] }, 'cannot use "SCMP_ARCH_VAX" as a seccomp architecture'],
    [{ flags: ["SECCOMP_FILTER_FLAG_X"] }, 'cannot use "SECCOMP_FILTER_FLAG_X" as a seccomp flag'],
    [{ syscalls: [{ names: ["a"], action: "constructor" }] }, 'cannot use "constructor" as a seccomp action'],
    [{ syscalls: [{ names: [""], action: "SCMP_ACT_KILL" }] }, "cannot use an empty name in a seccomp rule"],
    [
      { syscalls: [{ names: ["a"], action: "SCMP_ACT_KILL", args: [{ index: 0, value: 0, op: "=" }] }] },
      'cannot use "=" as a seccomp operator',
    ],
    [
      {
        syscalls: [
          { names: ["a"], action: "SCMP_ACT_KILL", args: [{ index: 6, value: 0, op: "SCMP_CMP_EQ" }] },
        ],
      },
      "cannot use seccomp argument index 6: it must be from 0 to 5",
    ],
  ];
  for (const [profile, message] of refused) {
    t.throws(() => planFilter(unchecked(profile)), { code: "E_CONFIG", message }, message);
  }
});

t.test(
  "newer system calls get ENOSYS unless the default lets them through or is ENOSYS itself",
  async (t) => {
    const expected: readonly [Seccomp, boolean][] = [
      [{ defaultAction: "SCMP_ACT_ERRNO" }, true],
      [{ defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 1 }, true],
      [{ defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 38 }, false],
      [{ defaultAction: "SCMP_ACT_KILL_PROCESS", defaultErrnoRet: 38 }, true],
      [{ defaultAction: "SCMP_ACT_KILL" }, true],
      [{ defaultAction: "SCMP_ACT_TRAP" }, true],
      [{ defaultAction: "SCMP_ACT_ALLOW" }, false],
      [{ defaultAction: "SCMP_ACT_LOG" }, false],
      [{ defaultAction: "SCMP_ACT_TRACE" }, false],
    ];
    for (const [profile, enosys] of expected) {
      t.equal(planFilter(profile).enosysForNewer, enosys, JSON.stringify(profile));
    }
  },
);

t.test("a profile that says nothing is empty", async (t) => {
  t.equal(isEmptyProfile({ defaultAction: "" } as unknown as Seccomp), true);
  t.equal(isEmptyProfile({} as Seccomp), true);
  t.equal(isEmptyProfile(allowAll), false);
});

t.test("Docker's profile is planned whole", async (t) => {
  const plan = planFilter(DOCKER_DEFAULT);
  t.equal(plan.groups.length, 13);
  t.same(plan.architectures, [0xc000003e, 0x40000003, 0x4000003e]);
  t.equal(plan.flags, 4);
  t.equal(plan.enosysForNewer, true);
});
