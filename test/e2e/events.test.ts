// Statistics of a container, one line of JSON each, and the event that it has run out of memory.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  behaviour,
  needsController,
  nothingLeft,
  notOfCrun,
  refused,
  runcFrom,
  tsrunOnly,
} from "../support/behaviour.ts";
import { isUnified, needsUnified, onUnified } from "../support/cgroup.ts";
import { driverFlags } from "../support/cgroup-driver.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { FakeUnit } from "../support/fake-unit.ts";
import { signalProcess, stopProcess } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { isTsrun, runtimePath } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

const MIB = 1 << 20;

interface Stats {
  readonly cpu: { readonly usage: Record<string, unknown>; readonly throttling: object };
  readonly memory: { readonly usage: { readonly limit: number }; readonly raw: Record<string, number> };
  readonly pids: { readonly current: number; readonly limit?: number };
  readonly [key: string]: unknown;
}

interface Event {
  readonly type: string;
  readonly id: string;
  readonly data?: Stats;
}

/** Runs `events` every 50 ms, in the background; gives its pid, the lines so far, and its end. */
function watch(lab: Lab, box: Container, wrapper: readonly string[] = []) {
  const args = ["--root", lab.stateRoot, ...driverFlags, "events", "--interval", "50ms", box.id];
  const [command = "", ...words] = [...wrapper, runtimePath, ...args];
  const child = spawn(command, words, { stdio: ["ignore", "pipe", "inherit"] });
  lab.atClose(() => child.kill("SIGKILL"));
  let text = "";
  child.stdout.on("data", (chunk) => {
    text += String(chunk);
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const { pid = 0 } = child;
  return {
    pid,
    events: () =>
      text
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Event),
    ended,
  };
}

/** How many files a process has in its inotify queues. */
function watchedFiles(pid: number): number {
  const folder = `/proc/${pid}/fdinfo`;
  const infos = readdirSync(folder).map((fd) => readFileSync(join(folder, fd), "utf8"));
  return infos.join("").match(/^inotify wd:/gm)?.length ?? 0;
}

async function running(lab: Lab, script: string): Promise<Container> {
  const box = lab.container(Container.script(script));
  box.config.linux.resources = { memory: { limit: 64 * MIB, swap: 64 * MIB }, pids: { limit: 99 } };
  box.writeConfig();
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  return box;
}

behaviour(
  "events --stats prints one line with all controllers",
  async (t, lab) => {
    const box = await running(lab, "sleep 1000");
    const { stdout } = mustSucceed(await lab.invoke(["events", "--stats", box.id]));
    t.match(stdout, /^\{"type":"stats","id":"[^"]+","data":\{"cpu":\{"usage":\{"total":\d+,.*\}\}\n$/);
    const { data } = JSON.parse(stdout) as Event;
    if (data === undefined) throw new Error("no data");
    t.strictSame(Object.keys(data), [
      "cpu",
      "cpuset",
      "memory",
      "pids",
      "blkio",
      "hugetlb",
      "intel_rdt",
      "network_interfaces",
    ]);
    t.match(stdout, `"memory":{`);
    t.equal(data.memory.usage.limit, 64 * MIB);
    t.ok(Object.keys(data.memory.raw).length > 10, "memory.stat, raw");
    t.strictSame(Object.keys(data.memory.raw), Object.keys(data.memory.raw).toSorted(), "in order");
    t.strictSame({ ...data.pids }, { current: 1, limit: 99 });
    t.equal(data.network_interfaces, null);
    const large = isUnified() ? /"kernelTCP":\{"limit":0,"failcnt":0\}/ : /"limit":9223372036854771712,/;
    t.match(stdout, large, "every digit of a large number");
    if (isUnified() && isTsrun)
      t.match(stdout, /"events":\{"low":0,"high":\d+,"max":\d+,"oom":0,"oom_kill":0/);
  },
  needsController("memory"),
  notOfCrun("it has no events"),
);

behaviour(
  "statistics come at the interval, until the container is deleted",
  async (t, lab) => {
    const box = await running(lab, "sleep 1000");
    const { events, ended } = watch(lab, box);
    await until("three lines", () => events().length >= 3);
    for (const { type, id } of events()) t.strictSame([type, id], ["stats", box.id]);
    mustSucceed(await box.delete({ flags: ["--force"] }));
    t.equal(await ended, 0, "it ends by itself");
  },
  notOfCrun("it has no events"),
);

behaviour(
  "pressure is among the statistics on cgroup v2",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create(onUnified));
    const { stdout } = mustSucceed(await lab.invoke(["events", "--stats", box.id], onUnified));
    const { data } = JSON.parse(stdout) as Event;
    const line = { avg10: Number, avg60: Number, avg300: Number, total: Number };
    const psi = { some: line, full: line };
    t.match(data, { cpu: { psi }, memory: { psi }, blkio: { psi } });
    mustSucceed(await box.delete({ flags: ["--force"], ...onUnified }));
  },
  needsUnified(),
  existsSync("/proc/pressure/cpu") ? undefined : "this kernel has no pressure stall information",
  runcFrom("1.2", "it has no pressure"),
  notOfCrun("it has no events"),
);

behaviour(
  "running out of memory is an event",
  async (t, lab) => {
    // tail keeps an endless line until it exceeds the limit; the shell survives that.
    const box = lab.container(Container.script("tail /dev/zero; echo survived; sleep 1000"));
    box.config.linux.resources = { memory: { limit: 16 * MIB, swap: 16 * MIB } };
    box.writeConfig();
    mustSucceed(await box.create());
    const { events, ended } = watch(lab, box);
    await until("the first line", () => events().length > 0);
    mustSucceed(await box.start());
    const oom = await until("the event", () => events().find(({ type }) => type === "oom"));
    t.strictSame(oom, { type: "oom", id: box.id });
    await until("the shell to go on", () => box.output().includes("survived"));
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await ended;
  },
  needsController("memory"),
  notOfCrun("it has no events"),
);

behaviour(
  "running out of memory is an event also if the container ends by that",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.process.args = ["tail", "/dev/zero"];
      config.linux.resources = { memory: { limit: 16 * MIB, swap: 16 * MIB } };
    });
    mustSucceed(await box.create());
    const { events, ended } = watch(lab, box);
    await until("the first line", () => events().length > 0);
    mustSucceed(await box.start());
    await box.waitForStatus("stopped");
    const oom = () => events().find(({ type }) => type === "oom");
    // Of a cgroup that is gone, v1 does not tell whether memory had run out.
    if (!isUnified()) await until("the event", oom);
    mustSucceed(await box.delete());
    await ended;
    t.strictSame(oom(), { type: "oom", id: box.id });
    await nothingLeft(t, lab, "after delete");
  },
  needsController("memory"),
  notOfCrun("it has no events"),
);

behaviour(
  "on cgroup v2, too, running out of memory is an event, once for each time",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create(onUnified));
    // In the place of its cgroup is what a kernel would show that has the memory controller in v2.
    const folder = join(lab.folder, "cgroup");
    mkdirSync(folder);
    const tell = (file: string, text: string) =>
      writeFileSync(join(folder, file), text, { flag: existsSync(join(folder, file)) ? "r+" : "w" });
    tell("memory.events", "oom 3\noom_kill 3\n");
    tell("cgroup.events", "populated 1\n");
    const script = `mount --bind ${folder} /sys/fs/cgroup/${box.id} && exec "$@"`;
    const shown = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"];
    const { events, ended } = watch(lab, box, [...(onUnified.wrapper ?? []), ...shown]);
    const ooms = () => events().filter(({ type }) => type === "oom");
    await until("the first line", () => events().length > 0);
    t.strictSame(ooms(), [], "what was before does not count");
    for (const [kills, times] of [
      [4, 1],
      [6, 2],
    ] as const) {
      tell("memory.events", `oom 3\noom_kill ${kills}\n`);
      await until(`event ${times}`, () => ooms().length === times);
    }
    tell("cgroup.events", "populated 0\n");
    t.equal(await ended, 0, "it ends with the container");
    t.strictSame(ooms(), Array(2).fill({ type: "oom", id: box.id }));
    mustSucceed(await box.delete({ flags: ["--force"], ...onUnified }));
  },
  needsUnified(),
  tsrunOnly("reads only files of a real cgroup"),
);

behaviour(
  "running out of memory is an event also if systemd has removed the cgroup already",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create());
    const unit = new FakeUnit(lab, box);
    for (const { before = 7, after, ooms } of [
      { after: 8, ooms: 1 },
      { after: 7, ooms: 0 },
      { before: 9, after: 9, ooms: 0 },
      { before: 9, after: 10, ooms: 1 },
    ]) {
      unit.appear();
      // Six are other units'.
      unit.count({ scope: 1, slice: 7 });
      const { pid, events, ended } = watch(lab, box);
      await until("the first line", () => events().length > 0);
      t.equal(watchedFiles(pid), 3, "the kernel tells of changes");
      unit.count({ slice: before });
      const seen = events().length;
      await until("another look", () => events().length > seen + 1);
      await stopProcess(pid);
      unit.count({ slice: after });
      unit.disappear();
      signalProcess(pid, "SIGCONT");
      t.equal(await ended, 0, "it ends with the container");
      const found = events().filter(({ type }) => type === "oom");
      t.strictSame(found, Array(ooms).fill({ type: "oom", id: box.id }), `${before}, then ${after}`);
    }
    unit.restore();
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  tsrunOnly("reads tsrun's state"),
);

behaviour("what cannot be watched is refused", async (t, lab) => {
  const box = await running(lab, "sleep 1000");
  refused(
    t,
    await lab.invoke(["events", "--interval", "0s", box.id]),
    /duration interval must be greater than 0/,
  );
  refused(t, await lab.invoke(["events", `${box.id}-nobody`]), /container does not exist/);
  mustSucceed(await box.kill("KILL"));
  await box.waitForStatus("stopped");
  refused(
    t,
    await lab.invoke(["events", "--stats", box.id]),
    new RegExp(`container with id ${box.id} is not running`),
  );
});

behaviour(
  "an interval that is none is a usage error",
  async (t, lab) => {
    const box = await running(lab, "sleep 1000");
    const result = await lab.invoke(["events", "--interval", "soon", box.id]);
    t.equal(result.code, 1);
    t.match(result.stderr, /invalid value .*soon.* for flag -interval: parse error/);
  },
  tsrunOnly("prints the usage in another form"),
);
