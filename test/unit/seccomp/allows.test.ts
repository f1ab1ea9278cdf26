// Which profiles allow the calls that exec makes after the filter is installed.

import t from "tap";
import { allowsGoingInside } from "../../../src/seccomp/allows.ts";
import type { Seccomp, SeccompSyscall } from "../../../src/spec/types.ts";
import { DOCKER_DEFAULT } from "./docker-default.ts";

const ALL = "read write clone dup3 close setsid ioctl prlimit64 capset sched_setattr execve exit_group".split(
  " ",
);

function strict(names: readonly string[], ...more: SeccompSyscall[]): Seccomp {
  const allow: SeccompSyscall = { names: [...names], action: "SCMP_ACT_ALLOW" };
  return { defaultAction: "SCMP_ACT_ERRNO", syscalls: [allow, ...more] };
}

t.test("Docker's own profile does, with its condition on clone", async (t) => {
  t.equal(allowsGoingInside(DOCKER_DEFAULT), true);
});

t.test("one that lists the calls does, and none that lacks one of them", async (t) => {
  t.equal(allowsGoingInside(strict(ALL)), true);
  for (const missing of ALL) {
    t.equal(allowsGoingInside(strict(ALL.filter((name) => name !== missing))), false, missing);
  }
});

t.test("one that allows everything does, unless it names one of them", async (t) => {
  const open = (...syscalls: SeccompSyscall[]): Seccomp => ({ defaultAction: "SCMP_ACT_ALLOW", syscalls });
  t.equal(allowsGoingInside(open()), true);
  t.equal(allowsGoingInside(open({ names: ["reboot"], action: "SCMP_ACT_ERRNO" })), true);
  t.equal(allowsGoingInside(open({ names: ["reboot", "setsid"], action: "SCMP_ACT_KILL" })), false);
  t.equal(allowsGoingInside(open({ names: ["write"], action: "SCMP_ACT_LOG" })), true);
});

t.test("a condition counts where the argument is known, else it forbids", async (t) => {
  const others = ALL.filter((name) => name !== "clone");
  const clone = (op: string, value: number, valueTwo = 0, index = 0): SeccompSyscall =>
    ({
      names: ["clone"],
      action: "SCMP_ACT_ALLOW",
      args: [{ index, op, value, valueTwo }],
    }) as SeccompSyscall;
  const CLONE_PARENT = 0x8000;
  t.equal(allowsGoingInside(strict(others, clone("SCMP_CMP_MASKED_EQ", 0x7e020000))), true);
  t.equal(allowsGoingInside(strict(others, clone("SCMP_CMP_MASKED_EQ", CLONE_PARENT))), false);
  t.equal(allowsGoingInside(strict(others, clone("SCMP_CMP_EQ", CLONE_PARENT))), true);
  t.equal(allowsGoingInside(strict(others, clone("SCMP_CMP_NE", CLONE_PARENT))), false);
  t.equal(allowsGoingInside(strict(others, clone("SCMP_CMP_NE", 1))), true);
  t.equal(allowsGoingInside(strict(others, clone("SCMP_CMP_LT", 0xffff))), false, "not evaluated");
  const tiocsti: SeccompSyscall = {
    names: ["ioctl"],
    action: "SCMP_ACT_ERRNO",
    args: [{ index: 1, value: 0x5412, op: "SCMP_CMP_EQ" }],
  };
  t.equal(allowsGoingInside(strict(ALL, tiocsti)), true, "another request");
  const some: SeccompSyscall = {
    names: ["write"],
    action: "SCMP_ACT_ERRNO",
    args: [{ index: 0, value: 3, op: "SCMP_CMP_EQ" }],
  };
  t.equal(allowsGoingInside(strict(ALL, some)), false, "perhaps this descriptor");
});
