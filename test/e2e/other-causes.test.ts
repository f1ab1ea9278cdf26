// Causes that no broken bundle shows: of the host, of a container that runs, and of files that mean harm.

import { execFileSync } from "node:child_process";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { findProgram } from "../support/host.ts";

const ONLY_TSRUN = tsrunOnly("it names no cause");

behaviour(
  "a capability that tsrun itself has not got is named",
  async (t, lab) => {
    const box = lab.container((config) => {
      const names = ["CAP_KILL", "CAP_SYS_TIME", "CAP_CHOWN"];
      config.process.capabilities = { bounding: names, permitted: names, effective: names };
    });
    const log = `${lab.folder}/log`;
    const wrapper = ["setpriv", "--bounding-set=-sys_time"];
    const { code, stderr } = await box.create({ wrapper, globals: ["--log", log] });
    t.equal(code, 1);
    t.match(
      stderr,
      /^unable to apply caps: operation not permitted: tsrun itself has no CAP_SYS_TIME; take that out of /,
    );
    await nothingLeft(t, lab, "after the refusal");
  },
  ONLY_TSRUN,
  findProgram("setpriv") === undefined ? "needs setpriv" : undefined,
);

behaviour(
  "exec names the cause as the container has it now",
  async (t, lab) => {
    const box = lab.container(Container.script("sleep 1000"));
    mustSucceed(await box.create());
    mustSucceed(await box.start());
    const log = `${lab.folder}/log`;
    const exec = async (...words: string[]) =>
      (await lab.invoke(["--log", log, "exec", box.id, ...words])).stderr;
    writeFileSync(join(box.rootfs, "bin/script"), "#!/bin/nosuch\n", { mode: 0o755 });
    t.match(await exec("/bin/script"), /no such file or directory: the "#!" line of "\/bin\/script" names/);
    t.match(await exec("slep", "1"), /not found in \$PATH: none of .* did you mean "sleep"\?/);
    t.match(await exec("/etc/passwd"), /permission denied: "\/etc\/passwd" has mode 0644, so nobody/);
    // What is mounted there is looked at, not what the image has.
    t.match(await exec("/dev/null"), /"\/dev\/null" is a special file/);
    mustSucceed(await box.kill("KILL"));
    await box.waitForStatus("stopped");
  },
  ONLY_TSRUN,
);

behaviour(
  "a program that is killed in its execve(2) is told of, however busy the host is",
  async (t, lab) => {
    const boxes = Array.from({ length: 60 }, () =>
      lab.container(({ linux }) => {
        const rule = { names: ["execve"], action: "SCMP_ACT_KILL_PROCESS" };
        linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [rule] };
      }),
    );
    // What a process has open is closed before it has ended, and all at once rarely end at once.
    const results = await Promise.all(boxes.map((box) => box.run()));
    const silent = results.filter(({ stderr }) => !/killed before that/.test(stderr));
    t.strictSame(silent, []);
    await nothingLeft(t, lab, "after the failures");
  },
  ONLY_TSRUN,
);

behaviour(
  "hostile files make it neither wait nor write to a terminal",
  async (t, lab) => {
    const box = lab.container();
    const odd = "a\u001b[2J\nb";
    execFileSync("mkfifo", ["-m", "755", join(box.rootfs, "bin/fifo")]);
    writeFileSync(join(box.rootfs, "bin", odd), "#!/bin/fifo\n", { mode: 0o755 });
    symlinkSync("/proc/self/root/../../bin/nosuch", join(box.rootfs, "bin/magic"));
    for (const program of ["/bin/fifo", `/bin/${odd}`, "/bin/magic"]) {
      box.config.process.args = [program];
      box.writeConfig();
      const { code, stderr } = await box.run({ globals: ["--log", `${lab.folder}/log`], timeoutMs: 10_000 });
      t.not(code, 0);
      t.equal(stderr.trimEnd().split("\n").length, 1, stderr);
      t.notMatch(stderr, "\u001b");
    }
    await nothingLeft(t, lab, "after the failures");
  },
  ONLY_TSRUN,
);
