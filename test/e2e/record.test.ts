// record: what a container used, and that it runs again with just that.

import { execFileSync } from "node:child_process";
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { nothingLeft, refused } from "../support/behaviour.ts";
import type { Config } from "../support/config.ts";
import { mustSucceed } from "../support/container.ts";
import {
  names,
  record,
  recordCase,
  runAgain,
  SEES_CAPABILITIES,
  SEES_PATHS,
  script,
} from "../support/recording.ts";

const ENOSYS = 38;
const EXDEV = 18;

const WORK = "mkdir /tmp/made && echo text > /tmp/made/file && cat /tmp/made/file | wc -l";

for (const noNewPrivileges of [true, false]) {
  recordCase(
    `a shell runs again with what was recorded, and nothing else, noNewPrivileges ${noNewPrivileges}`,
    async (t, lab) => {
      const box = lab.container(
        script(
          `[ -n "$MORE" ] && { mount -t tmpfs none /tmp; exit 9; }; ${WORK}; rm -r /tmp/made`,
          (config) => {
            config.process.noNewPrivileges = noNewPrivileges;
          },
        ),
      );
      const first = await record(box);
      t.strictSame([first.code, first.stdout], [0, "1\n"]);
      t.match(first.stderr, /^recorded 1 run\n {2}system calls: \d+ used; the profile allows \d+,/);
      const { calls, seccomp } = first.recording;
      for (const name of ["mkdir", "unlink", "rmdir", "wait4"]) t.ok(names(calls.used).includes(name), name);
      t.notOk(names(calls.used).includes("mount"));
      t.ok(calls.allowedNow < 100 && calls.allowedBefore > 300, `${calls.allowedNow} < 100`);
      t.equal(seccomp.defaultAction, "SCMP_ACT_ERRNO");
      await nothingLeft(t, lab, "after record");

      const again = await runAgain(box, first);
      t.strictSame([again.code, again.stdout, again.stderr], [0, "1\n", ""]);
      const more = await runAgain(box, first, ({ process: { env } }) => env?.push("MORE=yes"));
      t.match(more.stderr, /mount: .*(not permitted|denied|must be root)/);
      await nothingLeft(t, lab, "after running again");
    },
  );
}

recordCase(
  "what the container's own profile denies stays denied, with its errno, and is told",
  async (t, lab) => {
    const rules = [
      { names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: EXDEV },
      { names: ["link", "linkat"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS },
      {
        names: ["chmod"],
        action: "SCMP_ACT_ERRNO",
        errnoRet: EXDEV,
        args: [{ index: 1, value: 0o700, op: "SCMP_CMP_EQ" }],
      },
    ];
    const text =
      "touch /tmp/f; mkdir /tmp/x; ln /tmp/f /tmp/g; chmod 700 /tmp/f; chmod 750 /tmp/f; stat -c %a /tmp/f";
    const box = lab.container(
      script(text, (config) => {
        config.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: rules };
      }),
    );
    const first = await record(box);
    const expected = /mkdir: .*cross-device.*\nln: .*not implemented\nchmod: .*cross-device.*\n/i;
    t.match(first.stderr, expected);
    t.equal(first.stdout, "750\n");
    const denied = first.recording.calls.denied.map(({ name, errno, times }) => [name, errno, times]);
    t.strictSame(denied, [
      ["chmod", EXDEV, 1],
      ["link", ENOSYS, 1],
      ["mkdir", EXDEV, 1],
    ]);
    t.notOk(names(first.recording.calls.used).includes("mkdir"));
    t.match(first.stderr, /denied as before: chmod, link, mkdir\n/);

    const again = await runAgain(box, first);
    t.match(again.stderr, expected, "the same calls are denied in the same way");
    t.equal(again.stdout, "750\n");
  },
  process.arch === "x64" ? undefined : "its system calls are those of x86-64",
);

recordCase(
  "a rule that allows with conditions keeps them",
  async (t, lab) => {
    const text = "chmod 750 /tmp && chmod $MODE /tmp; stat -c %a /tmp";
    const setMode = (config: Config): void => {
      config.process.env = [...(config.process.env ?? []), "MODE=750"];
    };
    const base = await record(lab.container(script(text, setMode)));
    const args = [{ index: 1, value: 0o750, op: "SCMP_CMP_EQ" }];
    const allowed = base.recording.seccomp.syscalls?.flatMap((rule) => rule.names) ?? [];
    const others = allowed.filter((name) => name !== "chmod");
    const box = lab.container(
      script(text, (config) => {
        setMode(config);
        config.linux.seccomp = {
          defaultAction: "SCMP_ACT_ERRNO",
          syscalls: [
            { names: others, action: "SCMP_ACT_ALLOW" },
            { names: ["chmod"], action: "SCMP_ACT_ALLOW", args },
          ],
        };
      }),
    );
    const first = await record(box);
    t.equal(first.stdout, "750\n");
    const wider = await runAgain(box, first, (config) => {
      config.process.env = (config.process.env ?? []).map((one) => one.replace("MODE=750", "MODE=777"));
    });
    t.match(wider.stderr, /not permitted/);
    t.equal(wider.stdout, "750\n");
  },
  process.arch === "x64" ? undefined : "its system calls are those of x86-64",
);

recordCase("what the container's own profile kills is killed", async (t, lab) => {
  const box = lab.container(
    script("mkdir /tmp/x; exit 3", (config) => {
      config.linux.seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_KILL_PROCESS" }],
      };
      config.process.args = ["/bin/mkdir", "/tmp/x"];
    }),
  );
  const { code, recording } = await record(box);
  t.equal(code, 128 + 31);
  t.notOk(existsSync(join(box.rootfs, "tmp/x")));
  t.notOk(names(recording.calls.used).includes("mkdir"));
});

recordCase(
  "capabilities that were used are told, and the next run has no others",
  async (t, lab) => {
    const box = lab.container(
      script('touch /tmp/f && chown 5 /tmp/f && [ -z "$MORE" ] || chroot / true', (config) => {
        const sets = ["CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_KILL"];
        config.process.capabilities = { bounding: sets, effective: sets, permitted: sets };
      }),
    );
    const first = await record(box);
    t.equal(first.code, 0);
    t.strictSame(first.recording.capabilities, {
      recorded: true,
      used: ["CAP_CHOWN"],
      granted: ["CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_KILL"],
    });
    t.match(first.stderr, /CAP_CHOWN used; granted and not used: CAP_SYS_ADMIN, CAP_SYS_CHROOT, CAP_KILL\n/);
    chownSync(join(box.rootfs, "tmp/f"), 0, 0);
    t.equal((await runAgain(box, first)).code, 0);
    const { process } = JSON.parse(readFileSync(first.config, "utf8")) as Config;
    const { bounding, effective, permitted } = process.capabilities ?? {};
    t.strictSame([bounding, effective, permitted], [["CAP_CHOWN"], ["CAP_CHOWN"], ["CAP_CHOWN"]]);
    t.notMatch(execFileSync("sh", ["-c", "cat /proc/self/mounts"]).toString(), /tracefs.*tsrun/);
  },
  SEES_CAPABILITIES,
);

recordCase(
  "paths that were written are told, and what was not written becomes read-only",
  async (t, lab) => {
    const used = join(lab.folder, "used");
    const idle = join(lab.folder, "idle");
    for (const path of [used, idle]) mkdirSync(path);
    writeFileSync(join(idle, "old"), "text");
    writeFileSync(join(used, "changed"), "text");
    const text = "echo 1 >> /used/changed; touch /used/gone; rm /used/gone; cat /idle/old; echo 2 > /run/f";
    const box = lab.container(
      script(text, (config) => {
        config.mounts.push({ destination: "/used", source: used, options: ["bind"] });
        config.mounts.push({ destination: "/idle", source: idle, options: ["bind", "rw"] });
        config.mounts.push({ destination: "/run", type: "tmpfs", source: "tmpfs" });
      }),
    );
    const first = await record(box);
    t.strictSame(first.recording.paths.written, ["/run/f", "/used/changed"]);
    const mounts = new Map(
      first.recording.paths.mounts.map(({ destination, written }) => [destination, written]),
    );
    t.strictSame(
      ["/", "/used", "/idle", "/run"].map((path) => mounts.get(path)),
      [false, true, false, true],
    );
    t.match(first.stderr, /written: \/run\/f, \/used\/changed\n {2}the root can be read-only\n/);

    const again = await runAgain(box, first, (config) => {
      config.process.args = ["/bin/sh", "-c", `${text}; touch /idle/x; touch /x`];
    });
    t.match(again.stderr, /touch: \/idle\/x: Read-only.*\ntouch: \/x: Read-only/);
    t.equal(again.stdout, "text");
  },
  SEES_PATHS,
);

recordCase(
  "what cannot be written is told before anything runs, and only files are replaced",
  async (t, lab) => {
    const box = lab.container(script("echo ran > /ran"));
    const target = join(lab.folder, "target");
    writeFileSync(target, "mine");
    const [link, device, fifo] = ["link", "null", "fifo"].map((name) => join(lab.folder, name)) as [
      string,
      string,
      string,
    ];
    symlinkSync(target, link);
    execFileSync("mknod", [device, "c", "1", "3"]);
    execFileSync("mkfifo", [fifo]);
    for (const path of [link, device, fifo, lab.folder]) {
      for (const [flag, what] of [
        ["--output", "recording"],
        ["--write-config", "configuration"],
      ]) {
        const line = new RegExp(`cannot write the ${what} to "${path}": it is no regular file`);
        refused(t, await lab.invoke(["record", `${flag}`, path, "--id", box.id, box.bundle]), line);
      }
    }
    const nowhere = join(lab.folder, "missing", "file");
    refused(
      t,
      await lab.invoke(["record", "--output", nowhere, "--id", box.id, box.bundle]),
      /cannot open ".*missing\/"/,
    );
    t.notOk(existsSync(join(box.rootfs, "ran")));
    t.equal(readFileSync(target, "utf8"), "mine");
    t.ok(
      lstatSync(link).isSymbolicLink() && lstatSync(device).isCharacterDevice() && lstatSync(fifo).isFIFO(),
    );
    await nothingLeft(t, lab, "after the refusals");
  },
);

recordCase("several runs are merged, by the next one or without one", async (t, lab) => {
  const box = lab.container(script("mkdir /tmp/a"));
  const first = await record(box);
  const both = await record(lab.container(script("rmdir /tmp/b; true")), {
    flags: ["--merge", first.file],
  });
  t.equal(both.recording.runs, 2);
  const used = names(both.recording.calls.used);
  t.ok(used.includes("mkdir") && used.includes("rmdir"));
  t.ok(names(first.recording.calls.used).every((name) => used.includes(name)));

  const output = join(lab.folder, "three.json");
  const merge = ["record", "--merge", first.file, "--merge", both.file, "--output", output];
  const { code, stderr } = await lab.invoke(merge);
  t.equal(code, 0, stderr);
  t.equal((JSON.parse(readFileSync(output, "utf8")) as { runs: number }).runs, 3);
  t.match(stderr, /^recorded 3 runs\n/);

  writeFileSync(output, "{}");
  const broken = await lab.invoke(["record", "--merge", output, "--id", box.id, box.bundle]);
  t.equal(broken.code, 1);
  t.match(broken.stderr, /three\.json.*runs/s);
});

recordCase(
  "validate warns of what a configuration has beyond a recording, and --strict makes it fail",
  async (t, lab) => {
    const box = lab.container(script("true"));
    const first = await record(box);
    const wide = await lab.invoke(["validate", "--record", first.file, box.bundle]);
    t.equal(wide.code, 0);
    t.match(wide.stdout, /warning: \/linux: allows \d+ system calls beyond those recorded: /);
    t.equal((await lab.invoke(["validate", "--strict", "--record", first.file, box.bundle])).code, 1);
    const strict = ["validate", "--strict", "--record", first.file, "--config", first.config];
    const narrow = await lab.invoke(strict);
    t.strictSame([narrow.code, narrow.stdout], [0, `${first.config}: no faults\n`]);
  },
  SEES_PATHS,
);

recordCase("a profile that notifies an agent is refused, and so is a container that runs", async (t, lab) => {
  const box = lab.container((config) => {
    config.linux.seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      listenerPath: "/run/none",
      syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }],
    };
  });
  const notifies = await lab.invoke(["record", "--id", box.id, box.bundle]);
  refused(t, notifies, /cannot record the container.s system calls: its seccomp profile notifies an agent/);
  const runs = lab.container(script("sleep 1000"));
  mustSucceed(await runs.run({ flags: ["--detach"] }));
  refused(t, await lab.invoke(["record", runs.id]), /cannot record the container ".*": the system calls of/);
  await runs.delete({ flags: ["--force"] });
  await nothingLeft(t, lab, "after both");
});
