// The executable of a container's first process until it executes the container's program: a sealed memory
// file, or, if the host forbids executing those, a file without a name. Never the runtime's own executable
// (CVE-2019-5736).

import { readlinkSync } from "node:fs";
import { behaviour, needsKernel, notOfCrunBefore, tsrunOnly } from "../support/behaviour.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { isCrun, isTsrun, runtimePath } from "../support/runtime.ts";

const onlyOurs = tsrunOnly("has another first process");

/** In a new pid namespace, since the setting belongs to one. */
const withoutMemoryFiles = [
  ...["unshare", "--pid", "--fork", "--mount-proc"],
  ...["sh", "-c", 'echo 2 >/proc/sys/vm/memfd_noexec && exec "$@"', "sh"],
];

behaviour(
  "a created container's /proc/PID/exe is a memory file",
  async (t, lab) => {
    const box = lab.container(Container.script("true"));
    mustSucceed(await box.create());
    const { pid } = await box.stateDocument();
    const exe = readlinkSync(`/proc/${pid}/exe`);
    t.match(exe, /^\/memfd:tsrun-init/);
    t.not(exe, runtimePath);
  },
  onlyOurs,
);

behaviour(
  "the debug log says what the first process is executed from",
  async (t, lab) => {
    const box = lab.container(Container.script("true"));
    const { stderr } = mustSucceed(await box.run({ globals: ["--debug"] }));
    if (isTsrun) t.match(stderr, "runs from sealed memory of its own");
    const others = isCrun ? /debug/ : /level=debug/;
    t.match(stderr, isTsrun ? "runc exeseal: using /proc/self/exe clone" : others);
  },
  notOfCrunBefore("1.28", "does not say so"),
);

behaviour(
  "a container runs where memory files may not be executed",
  async (t, lab) => {
    const box = lab.container(Container.script("echo here"));
    const run = await box.run({ wrapper: withoutMemoryFiles });
    t.match(run, { code: 0, stdout: "here\n", stderr: "" });
  },
  onlyOurs,
  needsKernel(6, 3, "vm.memfd_noexec"),
  systemdDriver ? "systemd has other numbers for the processes of this namespace" : undefined,
);
