// Causes that no broken bundle shows: of the host, of a container that runs, and of files that mean harm.

import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, needsController, nothingLeft, tsrunOnly } from "../support/behaviour.ts";
import {
  cgroupFolders,
  domainController,
  needsUnified,
  onUnified,
  unifiedFolder,
} from "../support/cgroup.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import { mapIds } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { controllerHierarchy, findProgram } from "../support/host.ts";
import { injectEach, needsStrace } from "../support/injection.ts";
import { asUser, needsOwnSystemd, userContainer } from "../support/user.ts";
import { needsCall } from "../support/without.ts";

/** Makes a call of the runtime fail, and of the processes that it starts. */
function failing(fault: string): string[] {
  return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", `inject=${fault}`];
}

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

/**
 * The access control list that refuses uid 1000 and nobody else, as `system.posix_acl_access` has it (struct
 * posix_acl_xattr_entry): its version, and for each entry tag, rights and id.
 */
const ACCESS_LIST = [
  "02000000",
  ...["01000700ffffffff", "02000000e8030000", "04000500ffffffff", "10000500ffffffff", "20000500ffffffff"],
].join("");

behaviour(
  "an access control list is named where the modes allow it",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.process.args = ["/bin/tool"];
      config.process.user = { uid: 1000, gid: 1000 };
    });
    const path = join(box.rootfs, "bin/tool");
    copyFileSync(join(box.rootfs, "bin/busybox"), path);
    const set =
      "import os, sys; os.setxattr(sys.argv[1], 'system.posix_acl_access', bytes.fromhex(sys.argv[2]))";
    execFileSync("/usr/bin/python3", ["-c", set, path, ACCESS_LIST]);
    const { code, stderr } = await box.run({ globals: ["--log", `${lab.folder}/log`] });
    t.not(code, 0);
    t.match(stderr, /permission denied: "\/bin\/tool" has an access control list, .*; see it with getfacl/);
    await nothingLeft(t, lab, "after the refusal");
  },
  ONLY_TSRUN,
  existsSync("/usr/bin/python3") ? undefined : "needs python3 (package python3)",
);

/** Sysctls that forbid user namespaces, and the errno that their kernels return. */
const FORBIDDEN = [
  ["unprivileged_userns_clone=0", "EPERM"],
  ["apparmor_restrict_unprivileged_userns=1", "EACCES"],
] as const;

behaviour(
  "the sysctl that forbids user namespaces to ordinary users is named, with the one that allows them",
  async (t, lab) => {
    const box = userContainer(lab, () => {});
    for (const [setting, errno] of FORBIDDEN) {
      const [name = "", value = ""] = setting.split("=");
      const file = `/proc/sys/kernel/${name}`;
      const setUp = `mount -t tmpfs none /proc/sys/kernel; echo ${value} >${file}; exec "$@"`;
      const faults = failing(`unshare:error=${errno}`);
      const wrapper = ["unshare", "--mount", "sh", "-c", setUp, "sh", ...faults, ...asUser(lab)];
      const { code, stderr } = await box.create({ wrapper, globals: ["--log", "/dev/null"] });
      t.not(code, 0);
      const words = `the sysctl kernel.${name} is ${value}, which forbids user namespaces to ordinary users`;
      t.ok(stderr.includes(`${words}; as root: sysctl kernel.${name}=${1 - Number(value)}`), stderr);
    }
    await nothingLeft(t, lab, "after the refusals");
  },
  ONLY_TSRUN,
  needsStrace,
  findProgram("setpriv") === undefined ? "needs setpriv" : undefined,
  needsOwnSystemd,
);

/** Limits that the host cannot be brought to: the call of the container's first process that fails there. */
const FULL = [
  ["keyctl", "EDQUOT", /the user has as many keyrings as the sysctls allow: kernel\.keys\..*; raise them/],
  ["move_mount", "ENOSPC", /as many mounts as the sysctl allows: fs\.mount-max=\d+; raise it/],
] as const;

behaviour(
  "what is full is named: keys, mounts, memory cgroups",
  async (t, lab) => {
    const box = lab.container();
    const globals = ["--log", `${lab.folder}/log`];
    for (const [call, errno, line] of FULL) {
      const wrapper = failing(`${call}:error=${errno}:when=1`);
      t.match((await box.create({ wrapper, globals })).stderr, line);
    }
    const said: string[] = [];
    for (const errno of ["ENOSPC", "EBUSY"] as const) {
      await injectEach(lab, { call: "mkdirat", fault: `error=${errno}` }, async ({ wrapper }) => {
        const { code, stderr } = await box.create({ wrapper, globals });
        if (code === 0) mustSucceed(await box.delete({ flags: ["--force"] }));
        else said.push(stderr);
      });
      const ofMemory = said.filter((words) => /memory cgroups, and allows 65535; removed ones/.test(words));
      t.equal(ofMemory.length, 1, said.join(""));
      said.length = 0;
    }
    await nothingLeft(t, lab, "after the refusals");
  },
  ONLY_TSRUN,
  needsStrace,
  needsController("memory"),
  systemdDriver ? "systemd makes the cgroups" : undefined,
  needsCall("move_mount", "the fault"),
  needsCall("open_tree", "the fault"),
);

behaviour(
  "a full disk is named: the root's, and that of the state",
  async (t, lab) => {
    const small = join(lab.folder, "small");
    mkdirSync(small);
    const unmount = lab.mountOnHost(["-t", "tmpfs", "-o", "nr_inodes=5", "none"], small);
    for (const path of ["root", "state"]) mkdirSync(join(small, path));
    const box = lab.container();
    const globals = ["--log", `${lab.folder}/log`];
    // Its directory is made, its files are not.
    const full = ["--root", join(small, "state"), ...globals, "create", "--bundle", box.bundle, box.id];
    const { stderr } = await lab.invokeBare(full);
    t.match(stderr, /: the file system of ".*\/small\/state\/.*" has no blocks or no inodes left; see df/);
    box.config.root.path = join(small, "root");
    box.writeConfig();
    writeFileSync(join(small, "last"), "");
    const root = (await box.create({ globals })).stderr;
    t.match(root, /ENOSPC .*: the file system there has no blocks or no inodes left; see df/);
    unmount();
    await nothingLeft(t, lab, "after the refusals");
  },
  ONLY_TSRUN,
);

behaviour(
  "a cgroup that may have no more below it is named",
  async (t, lab) => {
    const parent = unifiedFolder(`${lab.mark}-parent`);
    mkdirSync(parent);
    const box = lab.container(({ linux }) => {
      linux.resources = {};
      linux.cgroupsPath = `/${lab.mark}-parent/box`;
    });
    for (const file of ["descendants", "depth"]) {
      writeFileSync(`${parent}/cgroup.max.${file}`, "0");
      const { stderr } = await box.create({ ...onUnified, globals: ["--log", `${lab.folder}/log`] });
      t.match(
        stderr,
        new RegExp(`cgroup\\.max\\.${file}" is 0, which allows no more cgroups there; raise it`),
      );
      writeFileSync(`${parent}/cgroup.max.${file}`, "max");
    }
    rmdirSync(parent);
    await nothingLeft(t, lab, "after the refusals");
  },
  ONLY_TSRUN,
  needsUnified(),
);

behaviour(
  "the processes because of which a cgroup may give no controller to those below it are named",
  async (t, lab) => {
    const parent = unifiedFolder(`${lab.mark}-parent`);
    mkdirSync(parent);
    const inside = spawn("sleep", ["1000"]);
    writeFileSync(`${parent}/cgroup.procs`, `${inside.pid}`);
    const box = lab.container(({ linux }) => {
      linux.resources = { unified: { [`${domainController()}.max`]: "max" } };
      linux.cgroupsPath = `/${lab.mark}-parent/box`;
    });
    const { code, stderr } = await box.create({ ...onUnified, globals: ["--log", `${lab.folder}/log`] });
    t.equal(code, 1);
    const who = new RegExp(`-parent" has process ${inside.pid} \\("sleep"\\), and so it may not give the`);
    t.match(stderr, who);
    const ended = once(inside, "exit");
    inside.kill("SIGKILL");
    await ended;
    rmdirSync(parent);
    await nothingLeft(t, lab, "after the refusal");
  },
  ONLY_TSRUN,
  needsUnified(),
  domainController() === undefined ? "no controller of cgroup v2 is free that refuses processes" : undefined,
);

behaviour(
  "a flag that a user namespace may not take from a mount is named",
  async (t, lab) => {
    const source = join(lab.folder, "source");
    mkdirSync(source);
    const unmount = lab.mountOnHost(["-t", "tmpfs", "-o", "ro,nodev,noatime", "none"], source);
    for (const [options, flags] of [
      [["bind", "dev", "exec"], "nodev"],
      [["rbind", "rrw", "rdev"], "ro,nodev"],
      [["bind", "strictatime"], "noatime"],
    ] as const) {
      const box = lab.container((config) => {
        mapIds(config, 0, 65_536);
        config.mounts.push({ destination: "/mnt", type: "bind", source, options: [...options] });
      });
      const { stderr } = await box.create({ globals: ["--log", `${lab.folder}/log`] });
      t.ok(stderr.includes(`the source's mount has the flags "${flags}", which a user namespace`), stderr);
    }
    unmount();
    await nothingLeft(t, lab, "after the refusals");
  },
  ONLY_TSRUN,
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
