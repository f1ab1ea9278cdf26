// What is told of a first process that is killed while it executes its program.

import { behaviour, needsController, nothingLeft, tsrunOnly } from "../support/behaviour.ts";
import type { Config } from "../support/config.ts";
import { mustSucceed } from "../support/container.ts";
import { FakeUnit } from "../support/fake-unit.ts";

const ONLY_TSRUN = tsrunOnly("it names no cause");

function killedByProfile({ linux }: Config): void {
  const rule = { names: ["execve"], action: "SCMP_ACT_KILL_PROCESS" };
  linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [rule] };
}

behaviour(
  "a program that is killed in its execve(2) is told of, however busy the host is",
  async (t, lab) => {
    const boxes = Array.from({ length: 60 }, () => lab.container(killedByProfile));
    // What a process has open is closed before it has ended, and all at once rarely end at once.
    const results = await Promise.all(boxes.map((box) => box.run({ timeoutMs: 120_000 })));
    const silent = results.filter(({ stderr }) => !/killed before that/.test(stderr));
    t.strictSame(silent, []);
    await nothingLeft(t, lab, "after the failures");
  },
  ONLY_TSRUN,
);

behaviour(
  "the profile is what killed the program, also if there is no cgroup to tell of a lack of memory",
  async (t, lab) => {
    const box = lab.container(killedByProfile);
    const globals = ["--log", `${lab.folder}/log`];
    for (const manager of [[], ["--cgroup-manager", "disabled"]]) {
      const { stderr } = await box.run({ globals: [...globals, ...manager] });
      t.match(stderr, /killed before that: the seccomp profile kills a process that calls execve\(2\)/);
    }
    await nothingLeft(t, lab, "after the failures");
  },
  ONLY_TSRUN,
);

behaviour(
  "a first process that runs out of memory in execve is told so",
  async (t, lab) => {
    const box = lab.container((config) => {
      // The kernel copies the arguments, which the first process holds already.
      config.process.args = ["/bin/true", ...Array<string>(14).fill("x".repeat(120_000))];
      config.linux.resources = { memory: { limit: 5 << 19, swap: 5 << 19 } };
    });
    mustSucceed(await box.create());
    const { code, stderr } = await box.start({ globals: ["--log", `${lab.folder}/log`] });
    t.equal(code, 1);
    t.match(stderr, /killed before that: the kernel killed a process of its cgroup: out of memory; raise /);
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  ONLY_TSRUN,
  needsController("memory"),
);

behaviour(
  "a lack of memory of systemd's other units is none of the container's",
  async (t, lab) => {
    const box = lab.container(killedByProfile);
    mustSucceed(await box.create());
    const unit = new FakeUnit(lab, box);
    unit.count({ slice: 7 });
    const { stderr } = await box.start({ globals: ["--log", `${lab.folder}/log`] });
    t.match(stderr, /killed before that: the seccomp profile kills a process that calls execve\(2\)/);
    unit.restore();
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  ONLY_TSRUN,
);
