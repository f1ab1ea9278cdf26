// `diff`: each change that is made by hand to a running container is told, and nothing else; `--fix` writes
// limits and device rules again. diff-healthy.test.ts has what must not be told.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { behaviour, type Condition, needsController, refused, tsrunOnly } from "../support/behaviour.ts";
import { isUnified, readSetting } from "../support/cgroup.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import type { Config } from "../support/config.ts";
import { type Container, mustSucceed } from "../support/container.ts";
import { amongMounts, askFor, diff, sleeping, told, toldApart, writeCgroup } from "../support/drift.ts";
import { controllerHierarchy, signalProcess } from "../support/host.ts";
import { nameOf } from "../support/proc.ts";
import { needsProgram } from "../support/program.ts";
import { atTerminal, needsTerminal, seen } from "../support/terminal.ts";
import { until } from "../support/wait.ts";

t.setTimeout(300_000);

const ONLY_TSRUN = tsrunOnly("has no diff command");
const NSENTER = needsProgram("nsenter", "util-linux");
const MIB = 1 << 20;
const ESCAPE = String.fromCharCode(27);

const memoryFile = isUnified() ? "memory.max" : "memory.limit_in_bytes";

interface Drift {
  readonly name: string;
  readonly edit?: (config: Config) => void;
  readonly hand: (pid: number, box: Container) => void;
  /** Each as `told` shows it. */
  readonly told: readonly (string | RegExp)[];
  readonly conditions?: readonly Condition[];
}

const DRIFTS: readonly Drift[] = [
  {
    name: "a memory limit that was raised by hand",
    edit: (config) => {
      config.linux.resources = { memory: { limit: 64 * MIB } };
    },
    hand: (_, box) => writeCgroup("memory", box, memoryFile, String(128 * MIB)),
    told: [`limits ${memoryFile}: ${64 * MIB} (64 MiB) -> ${128 * MIB} (128 MiB)`],
    conditions: [needsController("memory")],
  },
  {
    name: "a limit of processes that was taken away",
    edit: (config) => {
      config.linux.resources = { pids: { limit: 50 } };
    },
    hand: (_, box) => writeCgroup("pids", box, "pids.max", "max"),
    told: ["limits pids.max: 50 -> max"],
    conditions: [needsController("pids")],
  },
  {
    name: "a share of the processors that was changed",
    edit: (config) => {
      config.linux.resources = { cpu: { shares: 512 } };
    },
    hand: (_, box) =>
      isUnified()
        ? writeCgroup("cpu", box, "cpu.weight", "77")
        : writeCgroup("cpu", box, "cpu.shares", "700"),
    told: [isUnified() ? "limits cpu.weight: 59 -> 77" : "limits cpu.shares: 512 -> 700"],
    conditions: [needsController("cpu")],
  },
  {
    name: "a device that was taken away, and one that was given",
    hand: (_, box) => {
      writeCgroup("devices", box, "devices.deny", "c 1:5 rw");
      writeCgroup("devices", box, "devices.allow", "c 195:0 rw");
    },
    told: ["devices c 1:5 (/dev/zero): rwm -> m", "devices c 195:0: m -> rwm"],
    conditions: [needsController("devices", 1)],
  },
  {
    name: "a first process in another cgroup",
    hand: (pid, box) => {
      const folder = join(controllerHierarchy("pids")?.mountpoint ?? "", `${box.lab.mark}-aside`);
      mkdirSync(folder);
      box.lab.atClose(() => rmdirSync(folder));
      writeFileSync(join(folder, "cgroup.procs"), String(pid));
    },
    told: [/^cgroup cgroup.*: \S+ -> \S+-aside$/],
    conditions: [needsController("pids"), systemdDriver ? "systemd chooses the cgroups" : undefined],
  },
  {
    name: "a mount that was made again with other flags",
    hand: (pid) => amongMounts(pid, "mount", "-o", "remount,bind,ro,nosuid,nodev", "shm", "/dev/shm"),
    told: ["mounts /dev/shm: nosuid,nodev,noexec,relatime -> ro,nosuid,nodev,relatime"],
    conditions: [NSENTER],
  },
  {
    name: "a mount too many",
    hand: (pid) => amongMounts(pid, "mount", "-t", "tmpfs", "added", "/tmp"),
    told: ["mounts /tmp: nothing -> tmpfs from added"],
    conditions: [NSENTER],
  },
  {
    name: "a mount that is gone",
    hand: (pid) => amongMounts(pid, "umount", "/dev/shm"),
    told: ["mounts /dev/shm: tmpfs -> not mounted"],
    conditions: [NSENTER],
  },
  {
    name: "masks and a protection that are gone",
    edit: (config) => {
      config.linux.maskedPaths = ["/proc/scsi", "/etc/group", "/var"];
      config.linux.readonlyPaths = ["/proc/sys"];
    },
    hand: (pid) => {
      for (const path of ["/etc/group", "/var", "/proc/sys"]) amongMounts(pid, "umount", path);
    },
    told: [
      "mounts /etc/group: masked -> visible",
      "mounts /var: masked -> visible",
      "mounts /proc/sys: read-only -> writable",
    ],
    conditions: [NSENTER],
  },
  {
    name: "a kernel parameter that was set",
    edit: (config) => {
      config.linux.sysctl = { "kernel.shmmni": "1024", "net.ipv4.ip_local_port_range": "1024 65000" };
    },
    hand: (pid) =>
      execFileSync("nsenter", [
        ...["--target", String(pid), "--net"],
        ...["sh", "-c", "echo 2000 3000 >/proc/sys/net/ipv4/ip_local_port_range"],
      ]),
    told: ["sysctls net.ipv4.ip_local_port_range: 1024 65000 -> 2000 3000"],
    conditions: [NSENTER],
  },
  {
    name: "an OOM score that was changed",
    edit: (config) => {
      config.process.oomScoreAdj = 100;
    },
    hand: (pid) => writeFileSync(`/proc/${pid}/oom_score_adj`, "500"),
    told: ["process oom_score_adj: 100 -> 500"],
  },
  {
    name: "a resource limit that was raised",
    edit: (config) => {
      config.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 64, hard: mayRaise() ? 128 : 4096 }];
    },
    hand: (pid, box) =>
      mayRaise()
        ? execFileSync("prlimit", ["--pid", String(pid), "--nofile=64:4096"])
        : askFor(box, ({ process }) => {
            process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 64, hard: 128 }];
          }),
    told: ["process RLIMIT_NOFILE: 64, hard 128 -> 64, hard 4096"],
    conditions: [needsProgram("prlimit", "util-linux")],
  },
];

/** Whether root may raise limits here. Where it has no CAP_SYS_RESOURCE, it is asked for less afterwards. */
function mayRaise(): boolean {
  const [, effective = "0"] = /^CapEff:\s*(\w+)$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  const CAP_SYS_RESOURCE = 1n << 24n;
  return (BigInt(`0x${effective}`) & CAP_SYS_RESOURCE) !== 0n;
}

for (const { name, edit, hand, told: expected, conditions = [] } of DRIFTS) {
  behaviour(
    `it tells of ${name}`,
    async (t, lab) => {
      const { box, pid } = await sleeping(lab, edit);
      const before = await diff(box);
      t.strictSame([before.code, before.differs, before.differences], [0, false, []], "nothing before");
      hand(pid, box);
      const after = await diff(box);
      t.strictSame([after.code, after.differs], [1, true]);
      t.match(told(after), expected);
      t.equal(told(after).length, expected.length, told(after).join("\n"));
      for (const { costs, next } of after.differences) t.ok(costs.length > 10 && next.length > 10);
    },
    ...conditions,
    ONLY_TSRUN,
  );
}

behaviour(
  "a namespace that was joined is not the one at its path any more",
  async (t, lab) => {
    const place = join(lab.folder, "network");
    writeFileSync(place, "");
    const hold = () => execFileSync("unshare", [`--net=${place}`, "true"]);
    hold();
    lab.atClose(() => execFileSync("umount", ["--lazy", place]));
    const { box } = await sleeping(lab, (config) => {
      for (const namespace of config.linux.namespaces)
        if (namespace.type === "network") namespace.path = place;
    });
    t.strictSame((await diff(box)).differences, []);
    execFileSync("umount", [place]);
    t.strictSame((await diff(box)).differences, [], "a path that is gone says nothing");
    hold();
    const [line = ""] = told(await diff(box));
    t.match(line, /^namespaces network namespace: that of \S+, net:\[\d+\] -> net:\[\d+\]$/);
  },
  needsProgram("unshare", "util-linux"),
  ONLY_TSRUN,
);

behaviour(
  "a network device that was moved in and is gone",
  async (t, lab) => {
    const host = `h${process.pid}`;
    const wrapper = [
      "unshare",
      "--net",
      "sh",
      "-c",
      `ip link add ${host} type veth peer name peer0; exec "$@"`,
      "sh",
    ];
    const box = lab.container((config) => {
      config.process.args = ["/bin/sleep", "1000"];
      config.linux.netDevices = { [host]: { name: "inside" }, peer0: {} };
    });
    mustSucceed(await box.create({ wrapper }));
    mustSucceed(await box.start());
    t.strictSame((await diff(box)).differences, []);
    const { pid } = await box.stateDocument();
    execFileSync("nsenter", ["--target", String(pid), "--net", "ip", "link", "delete", "inside"]);
    t.strictSame(told(await diff(box)), [
      `network inside: "${host}" moved in -> no such device`,
      "network peer0: moved in -> no such device",
    ]);
  },
  needsProgram("ip", "iproute2"),
  NSENTER,
  ONLY_TSRUN,
);

behaviour(
  "--fix writes limits and device rules again, and says what remains",
  async (t, lab) => {
    const { box, pid } = await sleeping(lab, (config) => {
      config.linux.resources = { memory: { limit: 64 * MIB }, pids: { limit: 50 }, cpu: { shares: 512 } };
    });
    const memory = () => readSetting("memory", box.id, { v1: memoryFile, v2: memoryFile });
    t.match(await diff(box, { flags: ["--fix"] }), { code: 0, written: [] }, "nothing to write");
    writeCgroup("memory", box, memoryFile, String(96 * MIB));
    writeCgroup("pids", box, "pids.max", "7");
    if (!isUnified()) writeCgroup("devices", box, "devices.deny", "c 1:5 rw");
    const fixed = await diff(box, { flags: ["--fix"] });
    t.match(fixed, { code: 0, differs: false, differences: [] });
    const written = ["pids.max", memoryFile, ...(isUnified() ? [] : ["device rules"])];
    t.strictSame([...(fixed.written ?? [])].sort(), written.sort());
    t.equal(memory(), String(64 * MIB));
    t.strictSame((await diff(box)).differences, []);
    writeCgroup("pids", box, "pids.max", "7");
    amongMounts(pid, "mount", "-t", "tmpfs", "added", "/tmp");
    const rest = await diff(box, { flags: ["--fix"] });
    t.match(rest, { code: 1, differs: true, written: ["pids.max"] });
    t.strictSame(told(rest), ["mounts /tmp: nothing -> tmpfs from added"]);
    const words = (await lab.invoke(["diff", "--fix", box.id])).stdout;
    t.match(words, /^Nothing was written: no limit and no device rule differs/);
    t.match(words, /1 thing differs in \S+ still; diff --fix cannot change that\./);
  },
  needsController("memory"),
  needsController("pids"),
  NSENTER,
  ONLY_TSRUN,
);

behaviour(
  "a device cgroup that allows everything is closed again by --fix",
  async (t, lab) => {
    const { box } = await sleeping(lab);
    const list = () => readSetting("devices", box.id, { v1: "devices.list", v2: "devices.list" });
    const before = list();
    writeCgroup("devices", box, "devices.allow", "a *:* rwm");
    t.strictSame(told(await diff(box)), [
      "devices c *:* (any character device): m -> rwm",
      "devices b *:* (any block device): m -> rwm",
    ]);
    t.match(await diff(box, { flags: ["--fix"] }), { code: 0, written: ["device rules"] });
    t.strictSame(list().split("\n").sort(), before.split("\n").sort());
  },
  needsController("devices", 1),
  ONLY_TSRUN,
);

behaviour(
  "what a program does to itself is told apart, and does not count",
  async (t, lab) => {
    const script = "umask 077; ulimit -n 60; exec sleep 1000";
    const { box } = await sleeping(lab, (config) => {
      config.process.args = ["/bin/sh", "-c", script];
      config.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 64, hard: 128 }];
    });
    await box.waitForProgram("sleep");
    const report = await diff(box);
    t.strictSame([report.code, report.differs, told(report)], [0, false, []]);
    t.strictSame(toldApart(report), [
      "process umask: 0022 -> 0077",
      "process RLIMIT_NOFILE: 64, hard 128 -> 60",
    ]);
    const words = (await lab.invoke(["diff", box.id])).stdout;
    t.match(words, /^Changes that the program may have made itself[\s\S]*\nNothing differs in /);
  },
  ONLY_TSRUN,
);

behaviour(
  "at a terminal it is a table within the terminal's columns, the same without colour",
  async (t, lab) => {
    const { box } = await sleeping(lab, (config) => {
      config.process.oomScoreAdj = 100;
      config.linux.resources = { pids: { limit: 50 } };
    });
    const { pid } = await box.stateDocument();
    writeFileSync(`/proc/${pid}/oom_score_adj`, "500");
    writeCgroup("pids", box, "pids.max", "7");
    for (const columns of [60, 80, 200]) {
      for (const colour of ["", "NO_COLOR=1 "]) {
        const wrapper = [...atTerminal(), "sh", "-c", `stty cols ${columns}; ${colour}exec "$@"`, "sh"];
        const { shown, code } = seen(await lab.invoke(["diff", box.id], { wrapper }));
        t.equal(code, 1);
        t.match(shown, /^Limits\r?\n {2}WHAT +ASKED +FOUND/);
        t.match(shown, /First process\r?\n[\s\S]*oom_score_adj +100 +500/);
        t.notOk(shown.includes(ESCAPE), "no colour");
        const longest = Math.max(...shown.split(/\r?\n/).map((line) => line.length));
        t.ok(longest <= columns, `${columns} columns: ${longest}`);
      }
    }
  },
  needsController("pids"),
  needsTerminal(),
  ONLY_TSRUN,
);

behaviour(
  "a container that is not there, or has ended, cannot be compared: exit status 2",
  async (t, lab) => {
    refused(t, await lab.invoke(["diff", "nobody"]), /container does not exist/, 2);
    const { box } = await sleeping(lab);
    mustSucceed(await box.kill("KILL"));
    await box.waitForStatus("stopped");
    refused(t, await lab.invoke(["diff", box.id]), /container not running/, 2);
    refused(t, await lab.invoke(["diff", "--fix", box.id]), /container not running/, 2);
  },
  ONLY_TSRUN,
);

behaviour(
  "a container whose first process cannot end yet, since another has not been waited for, is not compared",
  async (t, lab) => {
    const { box, pid } = await sleeping(lab);
    // The process of this exec stays a zombie in the container as long as its parent is stopped.
    let parent = 0;
    const executing = lab.invoke(["exec", box.id, "/bin/sleep", "1000"], {
      onSpawn: (made) => {
        parent = made;
      },
    });
    // Before it is the program, a process that is not the container's may be among them.
    await until("the exec to run its program", async () => {
      const { stdout } = await lab.invoke(["ps", "--format", "json", box.id]);
      const pids = JSON.parse(stdout) as number[];
      return pids.length === 2 && pids.every((one) => nameOf(one) === "sleep");
    });
    signalProcess(parent, "SIGSTOP");
    try {
      mustSucceed(await box.kill("KILL"));
      await until("the first process to end", () => isExiting(pid) || undefined);
      refused(t, await lab.invoke(["diff", box.id]), /container not running/, 2);
    } finally {
      signalProcess(parent, "SIGCONT");
    }
    await executing;
    await box.waitForStatus("stopped");
    mustSucceed(await box.delete());
  },
  ONLY_TSRUN,
);

/** PF_EXITING, in the ninth field of proc_pid_stat(5). */
function isExiting(pid: number): boolean {
  const [, rest = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  return (Number(rest.split(" ")[6]) & 4) !== 0;
}
