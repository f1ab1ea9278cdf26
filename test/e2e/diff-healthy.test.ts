// `diff` says nothing of containers that are as they were asked for, however they are made: a list of
// configurations, each created, started and paused, and random limits.

import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { behaviour, type Condition, needsController, tsrunOnly } from "../support/behaviour.ts";
import { isUnified, needsFreezer, needsUnified, onUnified } from "../support/cgroup.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import { type Config, type ConfigMount, mapIds } from "../support/config.ts";
import { type CallOptions, Container, mustSucceed } from "../support/container.ts";
import { diff, told } from "../support/drift.ts";
import { findProgram } from "../support/host.ts";
import { bind, hostDirectory, mounts, needsLiveMounts, running } from "../support/live-mounts.ts";
import { Random, randomResources } from "../support/random-resources.ts";
import { unreadConsole } from "../support/terminal.ts";
import { asUser, userContainer } from "../support/user.ts";
import { DOCKER_DEFAULT } from "../unit/seccomp/docker-default.ts";

t.setTimeout(600_000);

const ONLY_TSRUN = tsrunOnly("has no diff command");
const MIB = 1 << 20;
const ALL = ["CAP_CHOWN", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SETGID", "CAP_SETUID", "CAP_SYS_ADMIN"];
const every = (names: readonly string[]) => ({
  bounding: [...names],
  effective: [...names],
  permitted: [...names],
  inheritable: [...names],
  ambient: [...names],
});

/** What Docker asks for: its mounts, masks, capabilities, profile and limits. */
function likeDocker(config: Config): void {
  config.linux.namespaces.push({ type: "cgroup" });
  config.mounts.push({
    destination: "/sys/fs/cgroup",
    type: "cgroup",
    source: "cgroup",
    options: ["ro", "nosuid", "noexec", "nodev"],
  });
  config.linux.maskedPaths = [
    ...["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats"],
    ...["/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"],
  ];
  config.linux.readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
  const { architectures: _, ...profile } = DOCKER_DEFAULT;
  config.linux.seccomp = profile as unknown as NonNullable<Config["linux"]["seccomp"]>;
  config.process.noNewPrivileges = false;
  config.process.oomScoreAdj = 0;
  config.process.capabilities = { bounding: ALL, effective: ALL, permitted: ALL };
  config.linux.sysctl = {
    "net.ipv4.ip_unprivileged_port_start": "0",
    "net.ipv4.ping_group_range": "0 2147483647",
  };
  config.linux.resources = { devices: [{ allow: false, access: "rwm" }] };
}

interface Healthy {
  readonly name: string;
  readonly edit: (config: Config, box: { folder: string; rootfs: string }) => void;
  readonly conditions?: readonly Condition[];
}

const HEALTHY: readonly Healthy[] = [
  { name: "the base configuration", edit: () => {} },
  {
    name: "what hello of bundle-fixtures asks for",
    edit: (config) => {
      const hello = JSON.parse(readFileSync("bundle-fixtures/hello/config.json", "utf8")) as Config;
      const { args, env } = config.process;
      Object.assign(config, { ...hello, process: { ...hello.process, args, env } });
    },
  },
  { name: "what Docker asks for", edit: likeDocker },
  {
    name: "what Docker asks for with users of its own",
    edit: (config) => {
      likeDocker(config);
      mapIds(config, 100_000, 65_536);
      config.linux.sysctl = { "net.ipv4.ping_group_range": "0 65535" };
    },
  },
  {
    name: "an ordinary user inside, with capabilities, and no new privileges",
    edit: (config) => {
      config.process.user = { uid: 1000, gid: 1000, umask: 0o27, additionalGids: [5, 7] };
      config.process.capabilities = every(["CAP_KILL", "CAP_NET_BIND_SERVICE"]);
    },
  },
  {
    name: "an ordinary user inside, with capabilities that it loses when it executes",
    edit: (config) => {
      config.process.user = { uid: 1000, gid: 1000 };
      config.process.noNewPrivileges = false;
      config.process.capabilities = { ...every(["CAP_KILL"]), ambient: [] };
    },
  },
  {
    name: "root that gets more of its capabilities when it executes, and one that may not",
    edit: (config) => {
      config.process.noNewPrivileges = false;
      config.process.capabilities = { bounding: ALL, permitted: ["CAP_KILL"], effective: [] };
    },
  },
  {
    name: "root with no new privileges and fewer capabilities than it is bounded by",
    edit: (config) => {
      config.process.capabilities = { bounding: ALL, permitted: ["CAP_KILL"], effective: [] };
    },
  },
  {
    name: "a read-only root with volumes of every kind, one through a link, one in another",
    edit: (config, { folder, rootfs }) => {
      const volume = join(folder, "volume");
      mkdirSync(join(volume, "inner"), { recursive: true });
      writeFileSync(join(volume, "file"), "");
      symlinkSync("../tmp", join(rootfs, "var/run"));
      for (const path of ["a", "b", "c", "d", "e"]) mkdirSync(join(rootfs, path));
      mkdirSync(join(rootfs, "tmp/secret"));
      config.root.readonly = true;
      const make = (destination: string, ...options: string[]): ConfigMount => ({
        ...{ destination, type: "bind", source: volume },
        options: ["rbind", ...options],
      });
      config.mounts.push(
        make("/a", "rprivate"),
        make("/b", "ro", "nosuid", "noatime"),
        make("/c", "rro", "rnoexec"),
        make("/d", "rw", "nodev"),
        make("/var/run/secret", "ro"),
        make("/d/inner", "ro"),
        { destination: "/e", type: "tmpfs", source: "tmpfs", options: ["ro", "nodiratime", "mode=700"] },
        { ...make("/etc/passwd", "ro"), source: join(volume, "file") },
        { destination: "/dev/shm", type: "", source: "", options: ["remount", "ro", "nosuid"] },
      );
      config.linux.maskedPaths = ["/tmp", "/var/run", "/etc/group", "/proc/keys"];
      config.linux.readonlyPaths = ["/a", "/etc", "/proc/sys", "/a"];
    },
  },
  {
    name: "hooks, devices, limits of the process, sysctls in odd forms",
    edit: (config) => {
      config.hooks = { createRuntime: [{ path: "/bin/true" }], createContainer: [{ path: "/bin/true" }] };
      config.linux.devices = [{ type: "c", path: "/dev/fuse", major: 10, minor: 229, fileMode: 0o666 }];
      config.linux.resources = {
        devices: [
          { allow: false, access: "rwm" },
          { allow: true, type: "c", major: 10, minor: 229, access: "rwm" },
          { allow: true, type: "b", major: 7, access: "r" },
        ],
      };
      config.process.rlimits = [
        { type: "RLIMIT_NOFILE", soft: 64, hard: 128 },
        { type: "RLIMIT_CORE", soft: 0, hard: 0 },
      ];
      config.process.oomScoreAdj = 300;
      config.linux.sysctl = {
        "kernel.shmmni": "0x400",
        "net.ipv4.ip_local_reserved_ports": "8080,9000-9002,9003",
        "net/ipv4/conf/lo/forwarding": "1",
      };
    },
  },
  {
    name: "the host's namespaces but for mounts and processes",
    edit: (config) => {
      config.linux.namespaces = [{ type: "mount" }, { type: "pid" }];
      delete config.hostname;
      config.mounts = config.mounts.filter(({ type }) => type !== "sysfs" && type !== "mqueue");
    },
  },
  {
    name: "limits that the kernel rounds",
    edit: (config) => {
      config.linux.resources = {
        memory: { limit: 64 * MIB + 1234, reservation: 12_345_678 },
        pids: { limit: 51 },
        cpu: { shares: 777, quota: 33_333, period: 100_000, cpus: "0", mems: "0" },
      };
    },
    conditions: ["memory", "pids", "cpu", "cpuset"].map((name) => needsController(name)),
  },
];

async function isHealthy(t: Test, box: Container, when: string, options: CallOptions = {}): Promise<void> {
  const report = await diff(box, options);
  t.strictSame(report.differences, [], `nothing differs ${when}`);
  t.strictSame([report.code, report.differs], [0, false]);
}

for (const { name, edit, conditions = [] } of HEALTHY) {
  behaviour(
    `nothing differs: ${name}`,
    async (t, lab) => {
      const box = lab.container((config) => {
        config.process.args = ["/bin/sleep", "1000"];
      });
      edit(box.config, { folder: lab.folder, rootfs: box.rootfs });
      box.writeConfig();
      mustSucceed(await box.create());
      await isHealthy(t, box, "when it is created");
      mustSucceed(await box.start());
      await isHealthy(t, box, "when it runs");
      if (needsFreezer() !== undefined) return;
      mustSucceed(await lab.invoke(["pause", box.id]));
      await isHealthy(t, box, "when it is paused");
    },
    ...conditions,
    ONLY_TSRUN,
  );
}

const SEED = 18;
const ROUNDS = 12;

behaviour(
  `nothing differs with ${ROUNDS} random sets of limits, nor after ${ROUNDS} random updates`,
  async (t, lab) => {
    const random = new Random(SEED);
    const version = isUnified() ? 2 : 1;
    for (let round = 0; round < ROUNDS; round++) {
      const box = lab.container((config) => {
        config.process.args = ["/bin/sleep", "1000"];
        config.linux.resources = randomResources(random, version);
      });
      const { code } = await box.create();
      if (code !== 0) continue;
      await isHealthy(t, box, JSON.stringify(box.config.linux.resources));
      const stdin = join(lab.folder, "update.json");
      writeFileSync(stdin, JSON.stringify(randomResources(random, version, { update: true })));
      const updated = await lab.invoke(["update", "--resources", "-", box.id], { stdin });
      await isHealthy(
        t,
        box,
        `after ${updated.code === 0 ? "" : "the refused "}${readFileSync(stdin, "utf8")}`,
      );
      await box.delete({ flags: ["--force"] });
    }
  },
  needsController("memory"),
  ONLY_TSRUN,
);

behaviour(
  "nothing differs on cgroup v2 with a program for devices, before and after an update of them",
  async (t, lab) => {
    const box = lab.container(Container.script("sleep 1000"));
    mustSucceed(await box.create(onUnified));
    await isHealthy(t, box, "created", onUnified);
    mustSucceed(await box.start(onUnified));
    await isHealthy(t, box, "running", onUnified);
    const stdin = join(lab.folder, "update.json");
    const devices = [{ allow: true, type: "c", major: 10, minor: 229, access: "rw" }];
    writeFileSync(stdin, JSON.stringify({ devices }));
    mustSucceed(await lab.invoke(["update", "--resources", "-", box.id], { ...onUnified, stdin }));
    await isHealthy(t, box, "updated", onUnified);
    mustSucceed(await box.delete({ ...onUnified, flags: ["--force"] }));
  },
  needsUnified(),
  ONLY_TSRUN,
);

behaviour(
  "nothing differs in a container with a terminal, nor with what mounts add has added",
  async (t, lab) => {
    const source = hostDirectory(lab);
    const box = await running(lab);
    mustSucceed(await mounts("add", box, [bind(source, "/data", "ro"), bind(source, "/more")]));
    await isHealthy(t, box, "with added mounts");
    mustSucceed(await mounts("remove", box, [{ destination: "/data" }]));
    await isHealthy(t, box, "with one of them removed");
    const other = lab.container((config) => {
      config.process.args = ["/bin/sleep", "1000"];
      config.process.terminal = true;
    });
    mustSucceed(await other.create({ flags: ["--console-socket", unreadConsole(lab)] }));
    mustSucceed(await other.start());
    await isHealthy(t, other, "with a terminal");
  },
  needsLiveMounts,
  ONLY_TSRUN,
);

behaviour(
  "nothing differs in an ordinary user's container, neither for the user nor for root",
  async (t, lab) => {
    const box = userContainer(lab, (config) => {
      config.process.args = ["/bin/sleep", "1000"];
      config.process.oomScoreAdj = 0;
    });
    const wrapper = asUser(lab);
    mustSucceed(await box.create({ wrapper }));
    mustSucceed(await box.start({ wrapper }));
    await isHealthy(t, box, "for the user", { wrapper });
    t.strictSame(told(await diff(box)), [], "for root");
  },
  findProgram("setpriv") === undefined ? "needs setpriv" : undefined,
  systemdDriver ? "the user of the test has no systemd of its own" : undefined,
  ONLY_TSRUN,
);
