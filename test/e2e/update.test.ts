// Changing limits of a container in use: afterwards the new limits are in effect, or, on failure, nothing has
// changed.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  behaviour,
  needsController,
  needsKernel,
  nothingLeft,
  notOfCrun,
  notOfCrunBefore,
  refused,
  runcBefore,
  runcFrom,
  tsrunOnly,
} from "../support/behaviour.ts";
import { isUnified, readCgroup, readSetting } from "../support/cgroup.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import type { Resources } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { blockDevice } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { isCrun, isTsrun, type Result } from "../support/runtime.ts";

const MIB = 1 << 20;

async function running(lab: Lab, resources: Resources = {}): Promise<Container> {
  const box = lab.container(Container.script("sleep 1000"));
  box.config.linux.resources = resources;
  box.writeConfig();
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  return box;
}

const LIMIT = { v1: "memory.limit_in_bytes", v2: "memory.max" };
const RESERVATION = { v1: "memory.soft_limit_in_bytes", v2: "memory.low" };
const SHARES = { v1: "cpu.shares", v2: "cpu.weight" };

function limit(box: Container): string {
  return readSetting("memory", box.id, LIMIT);
}

/** Quota and period, as v2 writes them. */
function bandwidth(box: Container): string {
  if (isUnified()) return readCgroup("cpu", box.id, "cpu.max");
  return ["cpu.cfs_quota_us", "cpu.cfs_period_us"].map((file) => readCgroup("cpu", box.id, file)).join(" ");
}

/** Writes text into a file for standard input or --resources. */
function fileWith(lab: Lab, text: string): string {
  const file = join(lab.folder, "resources.json");
  writeFileSync(file, text);
  return file;
}

/** `update --resources -` */
function updateWith(lab: Lab, box: Container, resources: object): Promise<Result> {
  return lab.invoke(["update", "-r", "-", box.id], { stdin: fileWith(lab, JSON.stringify(resources)) });
}

behaviour("limits given as options need no working directory", async (t, lab) => {
  const box = await running(lab);
  const script = 'mkdir "$0" && cd "$0" && rmdir "$0" && exec "$@"';
  const wrapper = ["sh", "-c", script, join(lab.folder, "removed")];
  mustSucceed(await lab.invoke(["update", "--pids-limit", "77", box.id], { wrapper }));
  t.equal(readCgroup("pids", box.id, "pids.max"), "77");
});

behaviour(
  "memory is updated by flags with units, reservation and swap included",
  async (t, lab) => {
    const box = await running(lab, { memory: { limit: 32 * MIB } });
    mustSucceed(await lab.invoke(["update", box.id, "--memory", "64M", "--memory-reservation=40m"]));
    t.equal(limit(box), String(64 * MIB));
    t.equal(readSetting("memory", box.id, RESERVATION), String(40 * MIB));
    mustSucceed(await lab.invoke(["update", "--memory", "1.5GiB", box.id]));
    t.equal(limit(box), String(1536 * MIB));
    mustSucceed(await lab.invoke(["update", "--memory", "-1", box.id]));
    t.equal(limit(box), isUnified() ? "max" : readCgroup("memory", "", "memory.limit_in_bytes"));
  },
  needsController("memory"),
  notOfCrun("it takes flags before the id only"),
);

behaviour(
  "of quota and period, the one that is not given is kept",
  async (t, lab) => {
    const box = await running(lab, { cpu: { quota: 50_000, period: 100_000 } });
    mustSucceed(await lab.invoke(["update", "--cpu-period", "200000", box.id]));
    t.equal(bandwidth(box), "50000 200000");
    mustSucceed(await lab.invoke(["update", "--cpu-quota", "60000", box.id]));
    t.equal(bandwidth(box), "60000 200000");
    mustSucceed(await lab.invoke(["update", "--pids-limit", "50", box.id]));
    mustSucceed(await lab.invoke(["update", "--cpu-quota", "-1", box.id]));
    t.equal(bandwidth(box), `${isUnified() ? "max" : "-1"} 200000`);
  },
  needsController("cpu"),
  notOfCrunBefore("1.28", "writes -1 as a large number"),
);

behaviour(
  "swap, an idle CPU and bursts change in one call with all the others, back and forth",
  async (t, lab) => {
    const box = await running(lab, { memory: { limit: 32 * MIB }, cpu: { shares: 512 } });
    const cpu = (v1: string, v2: string) => readSetting("cpu", box.id, { v1, v2 });
    const now = () => [
      cpu("cpu.idle", "cpu.idle"),
      cpu("cpu.cfs_burst_us", "cpu.max.burst"),
      bandwidth(box),
      limit(box),
    ];
    const wide = { quota: 40_000, period: 50_000, burst: 20_000 };
    const memory = { limit: 64 * MIB, swap: 96 * MIB };
    mustSucceed(await updateWith(lab, box, { cpu: { ...wide, shares: 700, idle: 1 }, memory }));
    t.strictSame(now(), ["1", "20000", "40000 50000", String(64 * MIB)]);
    // As callers that do not know `idle` send it: every limit again, including shares.
    const narrow = { quota: 10_000, period: 100_000, burst: 5000, shares: 900 };
    const less = { limit: 48 * MIB, swap: 48 * MIB };
    mustSucceed(await updateWith(lab, box, { cpu: narrow, memory: less }));
    t.strictSame(now(), ["1", "5000", "10000 100000", String(48 * MIB)]);
    const back = { quota: -1, period: 100_000, burst: 0, idle: 0 };
    mustSucceed(await updateWith(lab, box, { cpu: back, memory }));
    const without = isUnified() ? "max 100000" : "-1 100000";
    t.strictSame(now(), ["0", "0", without, String(64 * MIB)]);
    t.equal(readSetting("cpu", box.id, SHARES), isUnified() ? "91" : "900", "the shares of meanwhile");
    mustSucceed(await updateWith(lab, box, { cpu: { idle: 1 } }));
    mustSucceed(await updateWith(lab, box, { cpu: { idle: 0, shares: 1024 } }));
    t.equal(readSetting("cpu", box.id, SHARES), isUnified() ? "100" : "1024");
  },
  needsController("cpu"),
  needsController("memory"),
  needsKernel(5, 15, "cpu.idle"),
  tsrunOnly("an idle cgroup keeps it from changing anything, since it writes the shares first"),
);

behaviour(
  "a limit of 0 processes is one of 1: the program, and nobody else",
  async (t, lab) => {
    const box = lab.container(Container.script("exec cat /proc/self/comm"));
    box.config.ociVersion = "1.3.0";
    box.config.linux.resources = { pids: { limit: 0 } };
    box.writeConfig();
    mustSucceed(await box.create());
    t.equal(readCgroup("pids", box.id, "pids.max"), "1");
    mustSucceed(await lab.invoke(["update", "--pids-limit", "7", box.id]));
    t.equal(readCgroup("pids", box.id, "pids.max"), "7");
    mustSucceed(await updateWith(lab, box, { pids: {} }));
    t.equal(readCgroup("pids", box.id, "pids.max"), "7", "no limit is no change");
    mustSucceed(await lab.invoke(["update", "--pids-limit", "0", box.id]));
    t.equal(readCgroup("pids", box.id, "pids.max"), "1");
    mustSucceed(await box.start());
    await box.waitForStatus("stopped");
    t.equal(box.output(), "cat\n");
    mustSucceed(await box.delete());
    await nothingLeft(t, lab, "after delete");
  },
  needsController("pids"),
  runcFrom("1.4.0", "0 leaves the limit alone"),
  notOfCrun("0 leaves the limit alone"),
);

for (const version of ["1.0.2-dev", "1.2.1"]) {
  behaviour(
    `a limit of 0 processes is none before version 1.3 of the specification: ${version}`,
    async (t, lab) => {
      const box = lab.container(Container.script("cat /proc/self/comm; exit 3"));
      box.config.ociVersion = version;
      box.config.linux.resources = { pids: { limit: 0 } };
      box.writeConfig();
      mustSucceed(await box.create());
      const limit = () => readCgroup("pids", box.id, "pids.max");
      // systemd has a default of its own.
      const free = lab.container();
      mustSucceed(await free.create());
      t.equal(limit(), systemdDriver ? readCgroup("pids", free.id, "pids.max") : "max");
      mustSucceed(await free.delete({ flags: ["--force"] }));
      mustSucceed(await updateWith(lab, box, { pids: { limit: 7 } }));
      t.equal(limit(), "7");
      mustSucceed(await lab.invoke(["update", "--pids-limit", "0", box.id]));
      mustSucceed(await updateWith(lab, box, { pids: { limit: 0 } }));
      t.equal(limit(), "7", "0 is no change");
      mustSucceed(await box.start());
      await box.waitForStatus("stopped");
      t.equal(box.output(), "cat\n", "it could fork");
      mustSucceed(await box.delete());
      await nothingLeft(t, lab, "after delete");
    },
    needsController("pids"),
    isCrun ? undefined : runcBefore("1.4.0", "0 is 1"),
    version === "1.2.1" ? notOfCrunBefore("1.9", "refuses this version") : undefined,
  );
}

behaviour(
  "resources are read from a file, and from standard input",
  async (t, lab) => {
    const box = await running(lab);
    const file = fileWith(lab, JSON.stringify({ pids: { limit: 77 }, cpu: { shares: 512 } }));
    mustSucceed(await lab.invoke(["update", "--resources", file, box.id]));
    t.equal(readCgroup("pids", box.id, "pids.max"), "77");
    t.equal(readSetting("cpu", box.id, SHARES), isUnified() ? "59" : "512");
    mustSucceed(await updateWith(lab, box, { pids: { limit: -1 } }));
    t.equal(readCgroup("pids", box.id, "pids.max"), "max");
  },
  needsController("pids"),
  notOfCrunBefore("1.28", "writes -1 as it is"),
);

behaviour(
  "an update that fails leaves every value as it was",
  async (t, lab) => {
    const box = await running(lab, {
      memory: { limit: 64 * MIB, reservation: 32 * MIB },
      cpu: { shares: 300, quota: 50_000, period: 100_000, cpus: "0" },
      pids: { limit: 40 },
    });
    const look = () => [
      limit(box),
      readSetting("memory", box.id, RESERVATION),
      readSetting("cpu", box.id, SHARES),
      bandwidth(box),
      readCgroup("cpuset", box.id, "cpuset.cpus"),
      readCgroup("pids", box.id, "pids.max"),
    ];
    const before = look();
    // The last write is the one that is refused.
    const [cpus, pids] = isUnified() ? ["7777", 60] : ["0-1", 2 ** 40];
    const asked = {
      memory: { limit: 100 * MIB, reservation: 50 * MIB },
      cpu: { shares: 700, quota: 70_000, period: 200_000, cpus },
      pids: { limit: pids },
    };
    const result = await updateWith(lab, box, asked);
    refused(t, result, /cannot write .*(1099511627776|7777).* to .*(pids\.max|cpuset\.cpus).*: /);
    t.strictSame(look(), before);
    // The failed update is not saved: a later one starts from the current limits.
    mustSucceed(await lab.invoke(["update", "--cpu-period", "200000", box.id]));
    t.equal(bandwidth(box), "50000 200000");
  },
  needsController("pids"),
  tsrunOnly("puts nothing back: the saved values are the new ones already"),
);

behaviour(
  "an update that fails takes back what it has written for a device more than once",
  async (t, lab) => {
    const [major, minor] = (blockDevice?.split(":") ?? []).map(Number);
    const rates = (...all: number[]) => ({
      blockIO: { throttleReadBpsDevice: all.map((rate) => ({ major, minor, rate })) },
    });
    const box = await running(lab, rates(5000) as Resources);
    const file = { v1: "blkio.throttle.read_bps_device", v2: "io.max" };
    const rate = () => readSetting(isUnified() ? "io" : "blkio", box.id, file);
    const before = rate();
    t.match(before, /\b5000\b/);
    // Written after the rates, and refused: there is no such device.
    const asked = rates(6000, 7000);
    asked.blockIO.throttleReadBpsDevice.push({ major: 250, minor: 77, rate: 1000 });
    refused(t, await updateWith(lab, box, asked), /cannot write .*250:77.* to /);
    t.equal(rate(), before);
  },
  needsController(isUnified() ? "io" : "blkio"),
  blockDevice === undefined ? "no block device" : undefined,
  tsrunOnly("its update takes no throttles"),
);

behaviour(
  "a limit below what is in use is refused and said",
  async (t, lab) => {
    const box = await running(lab, { memory: { limit: 64 * MIB } });
    const result = await lab.invoke(["update", "--memory", "4096", box.id]);
    refused(t, result, /unable to set memory limit to 4096 \(current usage: \d+, peak usage: \d+\)/);
    t.equal(readCgroup("memory", box.id, "memory.limit_in_bytes"), String(64 * MIB));
  },
  needsController("memory", 1),
);

behaviour(
  "a created and a paused container can be updated, a stopped one cannot",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create());
    mustSucceed(await lab.invoke(["update", "--pids-limit", "30", box.id]));
    mustSucceed(await lab.invoke(["pause", box.id]));
    mustSucceed(await lab.invoke(["update", "--pids-limit", "31", box.id]));
    t.equal(readCgroup("pids", box.id, "pids.max"), "31");
    t.equal((await box.stateDocument()).status, "paused");
    mustSucceed(await box.kill("KILL"));
    await box.waitForStatus("stopped");
    refused(t, await lab.invoke(["update", "--pids-limit", "32", box.id]), /container not running/);
  },
  notOfCrun('a created one stays "created" when it is paused, and it does not thaw what it kills'),
);

behaviour(
  "what is no limit is refused before anything is touched",
  async (t, lab) => {
    const box = await running(lab);
    const update = (...flags: readonly string[]) => lab.invoke(["update", ...flags, box.id]);
    refused(t, await update("--memory", "lots"), /invalid value for memory: invalid size: 'lots'/);
    refused(t, await update("--cpu-quota", "half"), /invalid value for cpu-quota: /);
    refused(t, await update("--cpu-share", "-5"), /invalid value for cpu-share: /);
    refused(t, await update("--cpuset-cpus", "777"), /777/);
    refused(t, await update("--l3-cache-schema", "L3:0=f"), /l3 cache schema is not enabled/);
    refused(t, await lab.invoke(["update", "-r", "-", box.id]), /standard input/);
    refused(t, await lab.invoke(["update", "-r", "/nowhere.json", box.id]), /no such file or directory/);
    refused(
      t,
      await lab.invoke(["update", `${box.id}-nobody`, "--memory", "64M"]),
      /container does not exist/,
    );
  },
  notOfCrun("it takes most of them"),
);

behaviour(
  "an update whose state cannot be kept says that its file system is read-only",
  async (t, lab) => {
    const box = await running(lab);
    const script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
    const apart = ["unshare", "--mount", "--propagation", "private"];
    const wrapper = [...apart, "sh", "-c", script, lab.stateRoot];
    const line =
      /cannot open ".state.json.\d+": read-only file system: .* is read-only".*hint="make it writable/;
    const before = readSetting("cpu", box.id, SHARES);
    refused(t, await lab.invoke(["update", "--cpu-share", "512", box.id], { wrapper }), line);
    if (isTsrun) t.equal(readSetting("cpu", box.id, SHARES), before, "and leaves the limit as it was");
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  needsController("cpu"),
  notOfCrun("it does not keep limits"),
);

behaviour(
  "kernel memory is ignored, with a warning",
  async (t, lab) => {
    const box = await running(lab);
    const result = mustSucceed(await lab.invoke(["update", "--kernel-memory", "64M", box.id]));
    t.match(result.stderr, /level=warning .*Kernel memory settings are ignored and will be removed/);
  },
  tsrunOnly("the words changed"),
);

behaviour(
  "a limit of a controller that this host does not have is refused in one line, and nothing has changed",
  async (t, lab) => {
    const box = await running(lab, { pids: { limit: 20 } });
    const asked = { rdma: { mlx4_0: { hcaHandles: 2 } }, pids: { limit: 30 } };
    refused(t, await updateWith(lab, box, asked), /rdma/);
    t.equal(readCgroup("pids", box.id, "pids.max"), "20");
    mustSucceed(await lab.invoke(["update", "--pids-limit", "40", box.id]));
    t.equal(readCgroup("pids", box.id, "pids.max"), "40", "what was refused is not kept");
  },
  needsController("pids"),
  tsrunOnly("leaves rdma out of an update without a word"),
);
