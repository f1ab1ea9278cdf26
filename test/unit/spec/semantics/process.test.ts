// Rules about a process.

import t from "tap";
import { type PROCESS, processFaults } from "./findings.ts";

t.test("a plain process is right", async (t) => {
  t.strictSame(processFaults({}), []);
});

t.test("cwd is absolute, args are there, neither has a NUL", async (t) => {
  t.strictSame(processFaults({ cwd: "" }), ["/process/cwd: Cwd property must not be empty"]);
  t.strictSame(processFaults({ cwd: "home" }), ["/process/cwd: Cwd must be an absolute path"]);
  t.strictSame(processFaults({ args: [] }), ["/process/args: args must not be empty"]);
  t.strictSame(processFaults({ cwd: "/a\0b", args: ["sh", "x\0"] }), [
    "/process/cwd: must not contain a NUL character",
    "/process/args/1: must not contain a NUL character",
  ]);
});

t.test("an entry of env that is no assignment is told without repeating it", async (t) => {
  const env = ["A=1", "secret", "=secret", "B=", "C=a=b", "D=\0secret"];
  const told = processFaults({ env });
  t.strictSame(told, [
    '/process/env/1: must be "NAME=value", has no "="',
    '/process/env/2: must be "NAME=value", has no name',
    "/process/env/5: must not contain a NUL character",
  ]);
  t.notMatch(told.join(), "secret");
});

t.test("the last 32-bit number is no user and no group", async (t) => {
  const user = { uid: 4294967295, gid: 4294967295, additionalGids: [0, 4294967295] };
  t.strictSame(processFaults({ user }), [
    "/process/user/uid: must be at most 4294967294, is 4294967295",
    "/process/user/gid: must be at most 4294967294, is 4294967295",
    "/process/user/additionalGids/1: must be at most 4294967294, is 4294967295",
  ]);
});

t.test("an rlimit comes once, its soft limit at most its hard one", async (t) => {
  t.strictSame(
    processFaults({
      rlimits: [
        { type: "RLIMIT_NOFILE", soft: 10, hard: 18446744073709551615n },
        { type: "RLIMIT_CORE", soft: 18446744073709551615n, hard: 10 },
        { type: "RLIMIT_NOFILE", soft: 1, hard: 1 },
      ],
    }),
    [
      "/process/rlimits/1/soft: must be at most the hard limit, 10, is 18446744073709551615",
      "/process/rlimits/2/type: duplicate limit, see /process/rlimits/0",
    ],
  );
});

t.test("the numbers of a scheduler are those of its policy", async (t) => {
  const check = (scheduler: NonNullable<typeof PROCESS.scheduler>): string[] => processFaults({ scheduler });
  t.strictSame(check({ policy: "SCHED_BATCH", nice: 19 }), []);
  t.strictSame(check({ policy: "SCHED_OTHER", nice: -21 }), [
    "/process/scheduler/nice: must be from -20 to 19, is -21",
  ]);
  t.strictSame(check({ policy: "SCHED_FIFO", priority: 99 }), []);
  t.strictSame(check({ policy: "SCHED_FIFO" }), [
    "/process/scheduler/priority: must be from 1 to 99 for SCHED_FIFO, is 0",
  ]);
  t.strictSame(check({ policy: "SCHED_IDLE", priority: 3 }), [
    "/process/scheduler/priority: is for SCHED_FIFO and SCHED_RR only, the policy is SCHED_IDLE",
  ]);
  t.strictSame(check({ policy: "SCHED_DEADLINE", runtime: 1, deadline: 2, period: 3 }), []);
  t.strictSame(check({ policy: "SCHED_OTHER", runtime: 1, deadline: 0, period: 3 }), [
    "/process/scheduler/runtime: is for SCHED_DEADLINE only, the policy is SCHED_OTHER",
    "/process/scheduler/period: is for SCHED_DEADLINE only, the policy is SCHED_OTHER",
  ]);
});

t.test("an I/O priority is from 0 to 7", async (t) => {
  t.strictSame(processFaults({ ioPriority: { class: "IOPRIO_CLASS_BE", priority: 7 } }), []);
  t.strictSame(processFaults({ ioPriority: { class: "IOPRIO_CLASS_BE", priority: 8 } }), [
    "/process/ioPriority/priority: must be from 0 to 7, is 8",
  ]);
});

t.test("CPU lists are numbers and ranges", async (t) => {
  t.strictSame(processFaults({ execCPUAffinity: { initial: "0-3, 7,", final: "" } }), []);
  t.strictSame(processFaults({ execCPUAffinity: { initial: "3-1", final: "1--2" } }), [
    '/process/execCPUAffinity/initial: must be a list such as "0-3,7", "3-1" is neither a number nor a range',
    '/process/execCPUAffinity/final: must be a list such as "0-3,7", "1--2" is neither a number nor a range',
  ]);
});
