// Rootless: an ordinary user runs containers, with one id of its own or with those of /etc/subuid. The user
// is Debian's `nobody`; its entries in /etc/subuid exist only in a mount namespace of the call.

import { chmodSync, chownSync, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { needsAgent, startAgent } from "../support/agent.ts";
import {
  behaviour,
  type Condition,
  needsKernel,
  nothingLeft,
  notOfCrun,
  notOfRunc,
  refused,
  tsrunOnly,
} from "../support/behaviour.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import type { Config } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { findProgram } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { needsProgram } from "../support/program.ts";
import { runtimePath } from "../support/runtime.ts";
import { asUser, NOBODY, userContainer } from "../support/user.ts";
import { until } from "../support/wait.ts";
import { needsCall } from "../support/without.ts";

const SUBORDINATE = 100_000;
const ENOMEDIUM = 123;

/** A wrapper for the user with entries in /etc/subuid and /etc/subgid. */
function withSubordinateIds(lab: Lab): string[] {
  const file = join(lab.folder, "subid");
  writeFileSync(file, `nobody:${SUBORDINATE}:65536\n`);
  const script = `mount --bind ${file} /etc/subuid && mount --bind ${file} /etc/subgid && exec "$@"`;
  return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", ...asUser(lab)];
}

function manyIds(config: Config): void {
  const rest = { containerID: 1, hostID: SUBORDINATE, size: 65_536 };
  config.linux.uidMappings?.push(rest);
  config.linux.gidMappings?.push(rest);
}

function needsSubordinateHelpers(): Condition {
  const missing = ["newuidmap", "newgidmap"].some((name) => findProgram(name) === undefined);
  return missing ? "needs newuidmap (package uidmap)" : undefined;
}

behaviour("an ordinary user runs a container as its own root", async (t, lab) => {
  const box = userContainer(
    lab,
    Container.script("id -u; cat /proc/self/uid_map; hostname; touch /tmp/mine; echo $$"),
  );
  const wrapper = asUser(lab);
  t.match(await box.live({ wrapper }), /^0\n +0 +65534 +1\nbox\n1\n$/);
  t.equal(statSync(join(box.rootfs, "tmp/mine")).uid, NOBODY);
  await nothingLeft(t, lab, "after delete");
});

behaviour(
  "a user namespace without mappings has the user's own ids as root's",
  async (t, lab) => {
    const box = userContainer(lab, Container.script("cat /proc/self/uid_map /proc/self/gid_map"));
    delete box.config.linux.uidMappings;
    delete box.config.linux.gidMappings;
    box.writeConfig();
    t.match(await box.live({ wrapper: asUser(lab) }), /^( +0 +65534 +1\n){2}$/);
    await nothingLeft(t, lab, "after delete");

    box.config.process.user.uid = 7;
    box.writeConfig();
    refused(t, await box.create({ wrapper: asUser(lab) }), /\/process\/user\/uid .*7 is not mapped/);
    await nothingLeft(t, lab, "after the refusal");
  },
  notOfRunc("wants mappings"),
);

for (const { ends, says } of [
  { ends: "kill -KILL $$", says: "newuidmap: killed by signal 9" },
  { ends: "exit 3", says: "newuidmap: exit status 3" },
  { ends: "echo no range >&2; exit 1", says: "newuidmap: no range" },
]) {
  behaviour(
    `a newuidmap that fails is the cause of the error: ${ends}`,
    async (t, lab) => {
      const box = userContainer(lab, manyIds);
      const program = join(lab.folder, "newuidmap");
      writeFileSync(program, `#!/bin/sh\n${ends}\n`, { mode: 0o755 });
      const path = { PATH: `${lab.folder}:${process.env.PATH}` };
      const failed = await box.create({ wrapper: asUser(lab), env: path });
      refused(t, failed, new RegExp(`cannot map the ids of the user namespace: ${says}" `));
      await nothingLeft(t, lab, "after the refusal");
    },
    tsrunOnly("the words are tsrun's"),
  );
}

behaviour(
  "what a newuidmap prints without end is neither kept nor told whole",
  async (t, lab) => {
    const box = userContainer(lab, manyIds);
    const program = join(lab.folder, "newuidmap");
    const prints = "echo no range; yes | head -c 100000000; exit 1";
    writeFileSync(program, `#!/bin/sh\n${prints}\n`, { mode: 0o755 });
    const env = { PATH: `${lab.folder}:${process.env.PATH}` };
    // The program itself needs some 5 MiB of data.
    const wrapper = ["prlimit", `--data=${32 << 20}`, ...asUser(lab)];
    const failed = await box.create({ wrapper, env });
    refused(t, failed, /cannot map the ids of the user namespace: newuidmap: no range\\ny\\ny\\n/);
    t.ok(failed.stderr.length < 20_000, "only its beginning is told");
    await nothingLeft(t, lab, "after the refusal");
  },
  needsProgram("prlimit", "util-linux"),
  tsrunOnly("the words are tsrun's"),
);

for (const keeps of [false, true]) {
  behaviour(
    `with subordinate ids the caller's groups are ${keeps ? "kept when an annotation says so" : "left"}`,
    async (t, lab) => {
      const box = userContainer(lab, Container.script("grep Groups: /proc/self/status"));
      manyIds(box.config);
      if (keeps) box.config.annotations = { "run.oci.keep_original_groups": "1" };
      box.writeConfig();
      const wrapper = withSubordinateIds(lab).map((word) =>
        word === "--clear-groups" ? "--groups=7,8" : word,
      );
      // The kernel shows 65534 for a group that is not mapped (user_namespaces(7)).
      t.match(await box.live({ wrapper }), keeps ? /^Groups:\s+65534 65534 *$/m : /^Groups:\s*$/m);
    },
    needsSubordinateHelpers(),
    notOfRunc(keeps ? "has no annotations of crun's" : "keeps them for an ordinary user"),
  );
}

for (const noNewPrivileges of [true, false]) {
  behaviour(
    `a seccomp agent answers for the user's container, noNewPrivileges ${noNewPrivileges}`,
    async (t, lab) => {
      const agent = await startAgent(lab, String(ENOMEDIUM));
      chmodSync(agent.socket, 0o777);
      const box = userContainer(lab, Container.script("mkdir /tmp/a 2>&1; exec sleep 1000"));
      box.config.process.noNewPrivileges = noNewPrivileges;
      box.config.linux.seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        listenerPath: agent.socket,
        syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_NOTIFY" }],
      };
      box.writeConfig();
      const wrapper = asUser(lab);
      mustSucceed(await box.run({ wrapper, flags: ["--detach"] }));
      await until("the answer", () => /No medium found/.test(box.output()));
      const exec = await lab.invoke(["exec", box.id, "mkdir", "/tmp/b"], { wrapper });
      t.match(exec.stderr, /No medium found/);
      t.equal(agent.told().filter(({ message }) => message !== undefined).length, 2);
      mustSucceed(await box.delete({ wrapper, flags: ["--force"] }));
      await nothingLeft(t, lab, "after delete");
    },
    needsKernel(5, 6, "pidfd_getfd(2)"),
    needsCall("pidfd_open", "a seccomp agent"),
    needsAgent,
    tsrunOnly("may not fetch the listener of an exec"),
  );
}

behaviour(
  "an ordinary user sets the clocks of a time namespace",
  async (t, lab) => {
    const box = userContainer(lab, Container.script("cat /proc/self/timens_offsets"));
    box.config.linux.namespaces.push({ type: "time" });
    box.config.linux.timeOffsets = { boottime: { secs: 5000, nanosecs: 0 } };
    box.writeConfig();
    t.match(await box.live({ wrapper: asUser(lab) }), /boottime +5000 +0/);
  },
  tsrunOnly("the version at hand cannot"),
);

behaviour(
  "an ordinary user needs no cgroup where none is mounted",
  async (t, lab) => {
    const box = userContainer(lab, Container.script("echo ran"));
    const umount = 'umount -R /sys/fs/cgroup && exec "$@"';
    const without = ["unshare", "--mount", "--propagation", "private", "sh", "-c", umount, "sh"];
    t.equal(await box.live({ wrapper: [...without, ...asUser(lab)] }), "ran\n");
    await nothingLeft(t, lab, "after delete");
  },
  tsrunOnly("wants cgroups of an ordinary user too"),
);

behaviour(
  "in a user namespace there are no device rules, also where the caller counts as the host's root",
  async (t, lab) => {
    const box = lab.container(Container.script("echo ran"));
    const wrapper = ["unshare", "--user", "--map-root-user"];
    t.equal(await box.live({ wrapper, globals: ["--rootless", "false"] }), "ran\n");
    await nothingLeft(t, lab, "after delete");
  },
  systemdDriver ? "systemd sets them" : undefined,
);

behaviour(
  "a container that a user is creating is listed as the user's",
  async (t, lab) => {
    const box = userContainer(lab, () => {});
    const go = join(lab.folder, "go");
    const script = `until [ -e ${go} ]; do /bin/sleep 0.1; done`;
    box.config.hooks = { createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", script] }] };
    box.writeConfig();
    const wrapper = asUser(lab);
    const creating = box.create({ wrapper });
    await box.waitForStatus("creating");
    const [listed] = JSON.parse((await lab.invoke(["list", "--format", "json"])).stdout);
    t.match(listed, { id: box.id, status: "creating", owner: "nobody" });
    writeFileSync(go, "");
    mustSucceed(await creating);
    mustSucceed(await box.delete({ wrapper, flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  tsrunOnly("lists no container before it is created"),
);

behaviour("every command works for the user", async (t, lab) => {
  const box = userContainer(lab, Container.script("exec sleep 1000"));
  const wrapper = asUser(lab);
  mustSucceed(await box.create({ wrapper }));
  t.equal(JSON.parse((await box.state({ wrapper })).stdout).status, "created");
  mustSucceed(await box.start({ wrapper }));
  t.equal(JSON.parse((await box.state({ wrapper })).stdout).status, "running");
  t.equal((await lab.invoke(["list", "-q"], { wrapper })).stdout, `${box.id}\n`);
  const [listed] = JSON.parse((await lab.invoke(["list", "--format", "json"])).stdout);
  t.equal(listed?.owner, "nobody", "root, too, sees whose it is");
  const ps = await lab.invoke(["ps", "--format", "json", box.id], { wrapper });
  refused(t, ps, /cannot list the processes of ".*": the container has no cgroup/);
  mustSucceed(await box.kill("KILL", { wrapper }));
  mustSucceed(await box.delete({ wrapper, flags: ["--force"] }));
  await nothingLeft(t, lab, "after delete");
});

behaviour(
  "the user can exec before start, and still start",
  async (t, lab) => {
    const box = userContainer(lab, Container.script("echo started"));
    const wrapper = asUser(lab);
    mustSucceed(await box.create({ wrapper }));
    const result = await lab.invoke(["exec", box.id, "sh", "-c", "id -u; cat /proc/1/comm"], { wrapper });
    t.match(result, { code: 0, stdout: /^0\n/ });
    t.equal(JSON.parse((await box.state({ wrapper })).stdout).status, "created");
    mustSucceed(await box.start({ wrapper }));
    await box.waitForStatus("stopped");
    t.equal(box.output(), "started\n");
    mustSucceed(await box.delete({ wrapper }));
    await nothingLeft(t, lab, "after delete");
  },
  notOfCrun("it cannot before start"),
);

behaviour(
  "a container that could not be killed whole is warned of",
  async (t, lab) => {
    const box = userContainer(lab, Container.script("true"));
    box.config.linux.namespaces = box.config.linux.namespaces.filter(({ type }) => type !== "pid");
    box.config.mounts = box.config.mounts.filter(({ type }) => type !== "proc");
    box.config.mounts.push({ destination: "/proc", type: "bind", source: "/proc", options: ["rbind"] });
    box.writeConfig();
    const wrapper = asUser(lab);
    const created = mustSucceed(await box.create({ wrapper }));
    t.match(created.stderr, /Such configuration is strongly discouraged/);
    mustSucceed(await box.delete({ wrapper, flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  tsrunOnly("warns from 1.2 on"),
);

behaviour("the default devices are the host's own, bound in", async (t, lab) => {
  const box = userContainer(
    lab,
    Container.script("echo x > /dev/null && head -c 3 /dev/zero | wc -c; stat -c %t:%T /dev/random"),
  );
  t.equal(await box.live({ wrapper: asUser(lab) }), "3\n1:8\n");
});

behaviour("the state lies in XDG_RUNTIME_DIR when the user names no root", async (t, lab) => {
  const box = userContainer(lab, Container.script("echo ran"));
  const runtimeDir = join(lab.folder, "xdg");
  mkdirSync(runtimeDir, { mode: 0o700 });
  chownSync(runtimeDir, NOBODY, NOBODY);
  const options = { wrapper: asUser(lab), env: { PATH: "/usr/bin:/usr/sbin", XDG_RUNTIME_DIR: runtimeDir } };
  mustSucceed(await lab.invokeBare(["create", "--bundle", box.bundle, box.id], options));
  const root = join(runtimeDir, basename(runtimePath));
  t.ok(existsSync(join(root, box.id)));
  t.equal(statSync(root).mode & 0o777, 0o700);
  mustSucceed(await lab.invokeBare(["delete", box.id], options));
  t.notOk(existsSync(join(root, box.id)));
  await nothingLeft(t, lab, "after delete");
});

behaviour(
  "newuidmap is found behind a directory of PATH that the user may not read",
  async (t, lab) => {
    const barred = join(lab.folder, "barred");
    mkdirSync(barred, { mode: 0o700 });
    const box = userContainer(lab, Container.script("id -u; id -g"));
    manyIds(box.config);
    box.config.process.user = { uid: 5, gid: 6 };
    box.writeConfig();
    const wrapper = withSubordinateIds(lab);
    const env = { PATH: `${barred}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin` };
    t.equal(await box.live({ wrapper, env }), "5\n6\n");
    await nothingLeft(t, lab, "after delete");
  },
  needsSubordinateHelpers(),
);

behaviour(
  "with subordinate ids the container has users of its own",
  async (t, lab) => {
    const box = userContainer(lab, Container.script("id -u; id -g; touch /tmp/mine"));
    manyIds(box.config);
    box.config.process.user = { uid: 1000, gid: 1000 };
    box.writeConfig();
    t.equal(await box.live({ wrapper: withSubordinateIds(lab) }), "1000\n1000\n");
    t.equal(statSync(join(box.rootfs, "tmp/mine")).uid, SUBORDINATE + 999);
    await nothingLeft(t, lab, "after delete");
  },
  needsSubordinateHelpers(),
);

behaviour(
  "ids that the user does not own are refused",
  async (t, lab) => {
    const box = userContainer(lab, Container.script("true"));
    manyIds(box.config);
    box.writeConfig();
    refused(t, await box.create({ wrapper: asUser(lab) }), /newuidmap|newgidmap/);
    await nothingLeft(t, lab, "after the refusal");
  },
  needsSubordinateHelpers(),
);

behaviour(
  "without a user namespace an ordinary user is refused",
  async (t, lab) => {
    const box = userContainer(lab, Container.script("true"));
    box.config.linux.namespaces = box.config.linux.namespaces.filter(({ type }) => type !== "user");
    delete box.config.linux.uidMappings;
    delete box.config.linux.gidMappings;
    box.writeConfig();
    const result = await box.create({ wrapper: asUser(lab) });
    t.equal(result.code, 1);
    t.match(result.stderr, /user namespace|USER namespace|not permitted/);
    await nothingLeft(t, lab, "after the refusal");
  },
  notOfCrun("it makes one"),
);

behaviour("a seccomp filter and a program's own user work without privileges", async (t, lab) => {
  const box = userContainer(lab, Container.script("mkdir /tmp/a 2>/dev/null || echo denied"));
  const rule = { names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO" };
  box.config.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [rule] };
  box.writeConfig();
  t.equal(await box.live({ wrapper: asUser(lab) }), "denied\n");
});
