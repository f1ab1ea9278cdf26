// AppArmor profiles and SELinux labels of processes, keys and mounts: they are in effect, in create and exec,
// and a host that cannot enforce them says so.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import {
  behaviour,
  type Condition,
  nothingLeft,
  notOfCrun,
  notOfRunc,
  refused,
  tsrunOnly,
} from "../support/behaviour.ts";
import type { Config } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { diff, told } from "../support/drift.ts";
import { findProgram, parseMountinfo } from "../support/host.ts";
import { needsStrace } from "../support/injection.ts";
import type { Lab } from "../support/lab.ts";
import { isTsrun } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

const APPARMOR = "/sys/module/apparmor/parameters/enabled";
const hasApparmor = existsSync(APPARMOR) && readFileSync(APPARMOR, "utf8").startsWith("Y");
const hasSelinux = existsSync("/sys/fs/selinux/enforce");

const needsApparmor: Condition = !hasApparmor
  ? "needs a kernel with AppArmor: make test-vm FILES=labels"
  : findProgram("apparmor_parser") === undefined
    ? "needs apparmor_parser (package apparmor)"
    : undefined;

/** Labels that every container policy has. */
const PROCESS_LABEL = "system_u:system_r:container_t:s0";
const MOUNT_LABEL = "system_u:object_r:container_file_t:s0:c1,c2";

const needsSelinux: Condition = !hasSelinux
  ? "needs a kernel with SELinux and a policy: docs/adr/0014-labels.md"
  : [PROCESS_LABEL, MOUNT_LABEL].every(isKnownLabel)
    ? undefined
    : "the SELinux policy knows no containers";

function isKnownLabel(label: string): boolean {
  try {
    writeFileSync("/sys/fs/selinux/context", label);
    return true;
  } catch {
    return false;
  }
}

/** Loads a profile that allows everything but reading one file. */
function loadProfile(lab: Lab, name = lab.mark, more = ""): string {
  const file = join(lab.folder, `profile-${name}`);
  const rules = "file, capability, network, signal, ptrace, mount, umount, unix, deny /etc/forbidden r,";
  writeFileSync(file, `profile ${name} flags=(attach_disconnected,mediate_deleted) { ${rules} ${more} }\n`);
  const parser = findProgram("apparmor_parser") ?? "";
  const { status, stderr } = spawnSync(parser, ["--replace", "--skip-cache", file], { encoding: "utf8" });
  if (status !== 0) throw new Error(`apparmor_parser: ${stderr}`);
  lab.atClose(() => spawnSync(parser, ["--remove", file]));
  return name;
}

const SHOW = "cat /proc/self/attr/current; cat /etc/forbidden 2>&1; cat /etc/allowed";

function withFiles(box: Container): Container {
  for (const name of ["forbidden", "allowed"]) writeFileSync(join(box.rootfs, "etc", name), `${name}\n`);
  return box;
}

function seen(t: Test, output: string, profile: string): void {
  const [label, forbidden, allowed] = output.split("\n");
  t.equal(label, `${profile} (enforce)`);
  t.match(forbidden, /Permission denied/);
  t.equal(allowed, "allowed");
}

for (const noNewPrivileges of [true, false]) {
  for (const uid of [0, 1000]) {
    behaviour(
      `an AppArmor profile is in force, noNewPrivileges ${noNewPrivileges}, uid ${uid}`,
      async (t, lab) => {
        const apparmorProfile = loadProfile(lab);
        const edit = (script: string) => (config: Config) => {
          Container.script(script)(config);
          Object.assign(config.process, { apparmorProfile, noNewPrivileges, user: { uid, gid: uid } });
        };
        const first = withFiles(lab.container(edit(SHOW)));
        seen(t, await first.live(), apparmorProfile);
        const second = withFiles(lab.container(edit("exec sleep 1000")));
        mustSucceed(await second.run({ flags: ["--detach"] }));
        const { stdout } = await lab.invoke(["exec", second.id, "sh", "-c", SHOW]);
        seen(t, stdout, apparmorProfile);
      },
      needsApparmor,
    );
  }
}

behaviour(
  "exec --apparmor confines one process, and a container in a user namespace is confined as well",
  async (t, lab) => {
    const profile = loadProfile(lab);
    const box = withFiles(lab.container(Container.script("exec sleep 1000")));
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const { stdout } = await lab.invoke(["exec", "--apparmor", profile, box.id, "sh", "-c", SHOW]);
    seen(t, stdout, profile);
    const other = withFiles(
      lab.container((config) => {
        Container.script(SHOW)(config);
        Object.assign(config.process, { apparmorProfile: profile });
        config.linux.namespaces.push({ type: "user" });
        config.linux.uidMappings = [{ containerID: 0, hostID: 0, size: 65_536 }];
        config.linux.gidMappings = [{ containerID: 0, hostID: 0, size: 65_536 }];
      }),
    );
    seen(t, await other.live(), profile);
  },
  needsApparmor,
);

behaviour(
  "diff names the profile that a program has changed to, which counts",
  async (t, lab) => {
    const other = loadProfile(lab, `${lab.mark}-other`);
    const profile = loadProfile(lab, lab.mark, "change_profile,");
    const change = `echo changeprofile ${other} >/proc/self/attr/current`;
    const wait = "until [ -e /go ]; do usleep 100000; done";
    const box = lab.container(Container.script(`${wait}; ${change}; exec sleep 1000`));
    Object.assign(box.config.process, { apparmorProfile: profile, noNewPrivileges: false });
    box.writeConfig();
    mustSucceed(await box.run({ flags: ["--detach"] }));
    t.strictSame((await diff(box)).differences, [], "nothing before");
    writeFileSync(join(box.rootfs, "go"), "");
    await box.waitForProgram("sleep");
    const report = await diff(box);
    t.strictSame(told(report), [`process AppArmor profile: ${profile} -> ${other}`]);
    t.strictSame([report.code, report.differs], [1, true]);
  },
  needsApparmor,
  tsrunOnly("has no diff command"),
);

behaviour(
  "a profile that is not loaded is refused and leaves nothing",
  async (t, lab) => {
    const line = /AppArmor profile "no-such-profile".*ENOENT.*apparmor_parser/;
    const box = lab.container();
    Object.assign(box.config.process, { apparmorProfile: "no-such-profile" });
    box.writeConfig();
    refused(t, await box.create(), line);
    refused(t, await box.run(), line);
    await nothingLeft(t, lab, "after the refusals");
    const running = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await running.run({ flags: ["--detach"] }));
    const exec = ["exec", "--apparmor", "no-such-profile", running.id, "true"];
    refused(t, await lab.invoke(exec), line, 255);
  },
  needsApparmor,
);

behaviour(
  "SELinux labels a process, its session keyring and its mounts",
  async (t, lab) => {
    const script = "cat /proc/self/attr/current; echo; cat /proc/self/mountinfo";
    const box = lab.container(Container.script(`${script}; echo end; exec sleep 1000`));
    Object.assign(box.config.process, { selinuxLabel: PROCESS_LABEL });
    Object.assign(box.config.linux, {
      mountLabel: MOUNT_LABEL,
      maskedPaths: ["/proc/acpi", "/sys/firmware"],
    });
    box.writeConfig();
    mustSucceed(await box.run({ flags: ["--detach"] }));
    await until("its output", () => box.output().endsWith("end\n"));
    const [label = "", ...rest] = box
      .output()
      .replace(/end\n$/, "")
      .replaceAll("\0", "")
      .split("\n");
    t.equal(label, PROCESS_LABEL);
    const mounts = parseMountinfo(rest.join("\n"));
    for (const { target, type, superOptions } of mounts) {
      const context = superOptions.join(",").match(/context="?([^"]*?)"?(,|$)/)?.[1];
      // The bundle's own, which may be a tmpfs of the host.
      if (target === "/") continue;
      if (["tmpfs", "devpts"].includes(type)) t.match(superOptions.join(","), MOUNT_LABEL, target);
      else t.equal(context, undefined, `${type} on ${target}`);
    }
    const { pid } = await box.stateDocument();
    const queues = spawnSync("ls", ["-Zd", `/proc/${pid}/root/dev/mqueue`], { encoding: "utf8" });
    t.match(queues.stdout, MOUNT_LABEL, "whose queues have labels of their own");
    const exec = await lab.invoke(["exec", box.id, "cat", "/proc/self/attr/current"]);
    t.equal(exec.stdout.replaceAll("\0", "").trim(), PROCESS_LABEL);
  },
  needsSelinux,
  notOfCrun("covers a masked directory without a label"),
);

for (const option of ["fscontext", "rootcontext"]) {
  behaviour(
    `SELinux labels mounts by the ${option} that an annotation asks for`,
    async (t, lab) => {
      const box = lab.container(Container.script("touch /dev/shm/new; exec sleep 1000"));
      Object.assign(box.config.linux, { mountLabel: MOUNT_LABEL });
      box.config.annotations = { "run.oci.mount_context_type": option };
      box.writeConfig();
      mustSucceed(await box.run({ flags: ["--detach"] }));
      const { pid } = await box.stateDocument();
      const root = `/proc/${pid}/root/dev/shm`;
      await until("its file", () => existsSync(`${root}/new`));
      const mounts = parseMountinfo(readFileSync(`/proc/${pid}/mountinfo`, "utf8"));
      const options = mounts.find(({ target }) => target === "/dev/shm")?.superOptions.join(",") ?? "";
      t.match(options, `,${option}="${MOUNT_LABEL}"`);
      t.notMatch(options, /,context=/);
      // rootcontext= labels the root directory alone, fscontext= no file at all.
      const label = (path: string) => spawnSync("ls", ["-Zd", path], { encoding: "utf8" }).stdout;
      if (option === "rootcontext") t.match(label(root), MOUNT_LABEL);
      else t.notMatch(label(root), MOUNT_LABEL);
      t.notMatch(label(`${root}/new`), MOUNT_LABEL);
    },
    needsSelinux,
    notOfRunc("knows no annotations of crun's"),
  );
}

behaviour(
  "a label by defcontext is refused by the kernel for tmpfs",
  async (t, lab) => {
    const box = lab.container();
    Object.assign(box.config.linux, { mountLabel: MOUNT_LABEL });
    box.config.annotations = { "run.oci.mount_context_type": "defcontext" };
    box.writeConfig();
    refused(t, await box.create(), /tmpfs.*dev.*invalid argument/i);
    await nothingLeft(t, lab, "after the refusal");
  },
  needsSelinux,
  notOfRunc("knows no annotations of crun's"),
);

behaviour(
  "a label that the SELinux policy does not know is refused and leaves nothing",
  async (t, lab) => {
    for (const labels of [{ process: { selinuxLabel: "x:y:z:s0" } }, { linux: { mountLabel: "x:y:z:s0" } }]) {
      const box = lab.container();
      Object.assign(box.config.process, labels.process);
      Object.assign(box.config.linux, labels.linux);
      box.writeConfig();
      refused(t, await box.create(), /x:y:z:s0/);
      await nothingLeft(t, lab, "after the refusal");
    }
  },
  needsSelinux,
);

behaviour(
  "without AppArmor a profile is refused",
  async (t, lab) => {
    const line = /apparmor: config provided but apparmor not supported/;
    const box = lab.container();
    Object.assign(box.config.process, { apparmorProfile: "docker-default" });
    box.writeConfig();
    refused(t, await box.create(), line);
    refused(t, await box.run(), line);
    await nothingLeft(t, lab, "after the refusals");
    const running = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await running.run({ flags: ["--detach"] }));
    refused(t, await lab.invoke(["exec", "--apparmor", "docker-default", running.id, "true"]), line, 255);
  },
  hasApparmor ? "the kernel runs AppArmor" : undefined,
  notOfCrun("it goes without"),
);

behaviour(
  "without SELinux a label is refused",
  async (t, lab) => {
    const line = /selinux label is specified in config, but selinux is disabled or not supported/;
    const box = lab.container();
    Object.assign(box.config.process, { selinuxLabel: PROCESS_LABEL });
    box.writeConfig();
    refused(t, await box.create(), line);
    refused(t, await box.run(), line);
    await nothingLeft(t, lab, "after the refusals");
    const running = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await running.run({ flags: ["--detach"] }));
    const exec = ["exec", "--process-label", PROCESS_LABEL, running.id, "true"];
    refused(t, await lab.invoke(exec), line, 255);
  },
  hasSelinux ? "the kernel runs SELinux" : undefined,
  notOfCrun("its exec goes without"),
);

behaviour(
  "without SELinux a label of mounts is ignored with a warning",
  async (t, lab) => {
    const box = lab.container(Container.script("grep -c context= /proc/self/mountinfo"));
    Object.assign(box.config.linux, { mountLabel: MOUNT_LABEL });
    box.writeConfig();
    const created = mustSucceed(await box.create());
    if (isTsrun) t.match(created.stderr, /without SELinux, ignoring linux\.mountLabel/);
    mustSucceed(await box.start());
    await box.waitForStatus("stopped");
    t.equal(box.output(), "0\n");
  },
  hasSelinux ? "the kernel runs SELinux" : undefined,
  tsrunOnly("asks for the label, which the kernel refuses"),
);

behaviour(
  "empty labels are none",
  async (t, lab) => {
    const box = lab.container(Container.script("echo ran"));
    Object.assign(box.config.process, { apparmorProfile: "", selinuxLabel: "" });
    Object.assign(box.config.linux, { mountLabel: "" });
    box.writeConfig();
    t.equal(await box.live(), "ran\n");
  },
  notOfCrun("it writes them, and the kernel refuses"),
);

behaviour(
  "a refusal that no mode explains is put down to the label of the process, if it has one",
  async (t, lab) => {
    // The file stands for what a security module says of the first process, and strace for its refusal.
    const label = join(lab.folder, "label");
    for (const [text, blamed] of [
      ["web (enforce)\n", /so the rules of "web \(enforce\)" refuse it/],
      ["unconfined\n", undefined],
    ] as const) {
      writeFileSync(label, text);
      const box = lab.container((config) => {
        config.process.args = ["/bin/true"];
        config.hooks = { startContainer: [{ path: "/bin/true" }] };
      });
      mustSucceed(await box.create());
      const { pid } = await box.stateDocument();
      // It stays for as long as it takes to look at it.
      const faults = ["execve:error=EACCES", "exit_group:delay_enter=3000000"];
      const inject = faults.flatMap((fault) => ["-e", `inject=${fault}`]);
      const refuse = ["-qq", "-o", "/dev/null", ...inject, "-p", `${pid}`];
      const tracer = spawn("strace", refuse, { stdio: "ignore" });
      lab.atClose(() => tracer.kill());
      const isTraced = () => !/^TracerPid:\t0$/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
      await until("strace to trace it", isTraced);
      const script = `mount --bind ${label} /proc/${pid}/attr/current; exec "$@"`;
      const wrapper = ["unshare", "--mount", "sh", "-c", script, "sh"];
      const { code, stderr } = await box.start({ wrapper, globals: ["--log", join(lab.folder, "log")] });
      t.equal(code, 1);
      t.match(stderr, /exec \/bin\/true: permission denied/);
      if (blamed === undefined) t.notMatch(stderr, /the rules of/);
      else t.match(stderr, blamed);
    }
  },
  tsrunOnly("it names no cause"),
  needsStrace,
);
