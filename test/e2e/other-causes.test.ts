// Causes that no broken bundle shows: of the host, of a container that runs, and of files that mean harm.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, tsrunOnly } from "../support/behaviour.ts";
import { cgroupFolders, needsUnified, onUnified } from "../support/cgroup.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { controllerHierarchy, findProgram } from "../support/host.ts";

function needsLoopDevices(): string | undefined {
  if (findProgram("mkfs.ext4") === undefined) return "needs mkfs.ext4";
  return spawnSync("losetup", ["-f"]).status === 0 ? undefined : "needs loop devices";
}

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
  "what an exec and an update lack is named",
  async (t, lab) => {
    const box = lab.container(Container.script("sleep 1000"));
    mustSucceed(await box.create());
    mustSucceed(await box.start());
    const log = ["--log", `${lab.folder}/log`];
    const wrapper = ["setpriv", "--bounding-set=-sys_admin"];
    const { stderr } = await lab.invoke([...log, "exec", box.id, "/bin/true"], { wrapper });
    t.match(
      stderr,
      /EPERM \(operation not permitted\): tsrun runs as root, and has no CAP_SYS_ADMIN in the user/,
    );
    const [folder = ""] = cgroupFolders(box.id).filter((path) => existsSync(`${path}/cpuset.cpus`));
    if (folder !== "" && controllerHierarchy("cpuset")?.version === 1) {
      mustSucceed(await lab.invoke(["update", "--cpuset-cpus", "0-1", box.id]));
      mkdirSync(`${folder}/below`);
      writeFileSync(`${folder}/below/cpuset.cpus`, "1");
      const words = [...log, "update", "--cpuset-cpus", "0", box.id];
      t.match(
        (await lab.invoke(words)).stderr,
        /busy: the cgroup ".*\/below" below it has 1; take them from/,
      );
    }
    mustSucceed(await box.kill("KILL"));
    await box.waitForStatus("stopped");
  },
  ONLY_TSRUN,
  findProgram("setpriv") === undefined ? "needs setpriv" : undefined,
);

behaviour(
  "the sysctl that lets nobody watch a cgroup is named",
  async (t, lab) => {
    const box = lab.container(({ linux }) => {
      linux.resources = {};
    });
    mustSucceed(await box.create(onUnified));
    const none = 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"';
    const { wrapper = [] } = onUnified;
    const limited = [...wrapper, "unshare", "--user", "--map-root-user", "sh", "-c", none, "sh"];
    const words = ["--log", `${lab.folder}/log`, "events", box.id];
    const { code, stderr } = await lab.invoke(words, { wrapper: limited });
    t.equal(code, 1);
    t.match(
      stderr,
      /as many inotify instances as a sysctl allows: .*user\.max_inotify_instances=0; raise it/,
    );
    mustSucceed(await box.delete({ flags: ["--force"], ...onUnified }));
  },
  ONLY_TSRUN,
  needsUnified() ?? (findProgram("unshare") === undefined ? "needs unshare" : undefined),
);

behaviour(
  "who holds a busy device is named",
  async (t, lab) => {
    const image = join(lab.folder, "image");
    const place = join(lab.folder, "elsewhere");
    writeFileSync(image, new Uint8Array(4 << 20));
    execFileSync("mkfs.ext4", ["-q", image]);
    const device = execFileSync("losetup", ["-f", "--show", image], { encoding: "utf8" }).trim();
    try {
      mkdirSync(place);
      execFileSync("mount", [device, place]);
      const box = lab.container((config) => {
        const mount = { destination: "/mnt", type: "ext4", source: device, options: ["ro"] };
        config.mounts = [...(config.mounts ?? []), mount];
      });
      const { stderr } = await box.create({ globals: ["--log", `${lab.folder}/log`] });
      t.ok(
        stderr.includes(`"${device}" is mounted on "${place}" already, as ext4 with the option rw`),
        stderr,
      );
    } finally {
      execFileSync("umount", [place]);
      execFileSync("losetup", ["-d", device]);
    }
    await nothingLeft(t, lab, "after the refusal");
  },
  ONLY_TSRUN,
  needsLoopDevices(),
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
    const results = await Promise.all(boxes.map((box) => box.run({ timeoutMs: 120_000 })));
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
      const { code, stderr } = await box.run({ globals: ["--log", `${lab.folder}/log`] });
      t.not(code, 0);
      t.equal(stderr.trimEnd().split("\n").length, 1, stderr);
      t.notMatch(stderr, "\u001b");
    }
    await nothingLeft(t, lab, "after the failures");
  },
  ONLY_TSRUN,
);
