// A container's limits under systemd with cgroup v2. At a daemon-reload, a daemon-reexec, and whenever a
// property of the unit changes, systemd writes again each file for which it has a property: a value that was
// only written is lost. `make test-vm` runs this. systemd.resource-control(5), systemd.scope(5).

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { behaviour, type Condition, tsrunOnly } from "../support/behaviour.ts";
import { isUnified, readCgroup } from "../support/cgroup.ts";
import { cgroupOf, systemdDriver } from "../support/cgroup-driver.ts";
import type { Config, Resources } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { blockDevice, controllerHierarchy } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { until } from "../support/wait.ts";

t.setTimeout(600_000);

const MIB = 1 << 20;

const needsSystemd: Condition =
  systemdDriver && isUnified() ? undefined : "needs systemd as the cgroup driver, on cgroup v2: make test-vm";

function systemctl(...args: string[]): string {
  return execFileSync("systemctl", args, { encoding: "utf8" });
}

const unitOf = (box: Container) => `e2e-${box.id}.scope`;

const folderOf = (box: Container) => join(controllerHierarchy("memory")?.mountpoint ?? "", cgroupOf(box.id));

/** Whether the file keeps what is written to it. */
function isSetting(folder: string, file: string): boolean {
  if (/^cgroup\.(procs|threads|freeze|kill)$|\.(peak|pressure)$/.test(file)) return false;
  return (statSync(join(folder, file)).mode & 0o600) === 0o600;
}

/** Every setting of the container's cgroup, one per line. */
function settings(box: Container): string[] {
  const folder = folderOf(box);
  const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
  const names = files.map(({ name }) => name).filter((name) => isSetting(folder, name));
  return names.sort().map((name) => `${name}: ${readFileSync(join(folder, name), "utf8").trim()}`);
}

async function running(lab: Lab, resources: Resources, edit?: (config: Config) => void): Promise<Container> {
  const box = lab.container((config) => {
    Container.script("sleep 1000")(config);
    config.linux.resources = resources;
    edit?.(config);
  });
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  return box;
}

function updateWith(box: Container, resources: object): ReturnType<Lab["invoke"]> {
  const stdin = join(box.lab.folder, "resources.json");
  writeFileSync(stdin, JSON.stringify(resources));
  return box.lab.invoke(["update", "-r", "-", box.id], { stdin });
}

/** Makes systemd write everything again, in each of the possible ways, and checks that nothing changes. */
async function holds(test: Test, box: Container, show: () => unknown): Promise<void> {
  const before = show();
  for (const command of ["daemon-reload", "daemon-reexec"]) {
    systemctl(command);
    // daemon-reexec returns when the old systemd ends. The new one answers after it has written all limits.
    systemctl("show", "--property", "Version");
    test.strictSame(show(), before, `after ${command}`);
  }
  // Setting any property makes systemd write all of them.
  const limit = readCgroup("pids", box.id, "pids.max").replace("max", "-1");
  mustSucceed(await box.lab.invoke(["update", "--pids-limit", limit, box.id]));
  test.strictSame(show(), before, "after an update of something else");
  systemctl("daemon-reload");
  test.strictSame(show(), before, "after a daemon-reload after that");
}

const [major, minor] = (blockDevice?.split(":") ?? []).map(Number);

behaviour(
  "every limit of linux.resources holds",
  async (test, lab) => {
    const box = await running(lab, {
      memory: { limit: 128 * MIB, reservation: 64 * MIB, swap: 160 * MIB },
      cpu: { shares: 512, quota: 25_000, period: 50_000, cpus: "0", mems: "0" },
      pids: { limit: 77 },
      blockIO: {
        weight: 500,
        ...(major === undefined || minor === undefined
          ? {}
          : { throttleReadBpsDevice: [{ major, minor, rate: MIB }] }),
      },
    });
    const all = settings(box);
    for (const line of ["memory.max: 134217728", "memory.swap.max: 33554432", "pids.max: 77"]) {
      test.ok(all.includes(line), line);
    }
    test.equal(readCgroup("io", box.id, "io.weight"), "default 4950");
    await holds(test, box, () => settings(box));
  },
  needsSystemd,
  tsrunOnly("tells systemd nothing of the weight of block devices"),
);

/** For every file that a cgroup may have, a value that is not the default. */
const UNIFIED: Readonly<Record<string, string>> = {
  "cgroup.max.depth": "5",
  "cgroup.max.descendants": "7",
  "cgroup.pressure": "0",
  "cpu.max": "50000 200000",
  "cpu.max.burst": "0",
  "cpu.uclamp.max": "50.00",
  "cpu.uclamp.min": "10.00",
  "cpu.weight.nice": "5",
  "cpuset.cpus": "0",
  "cpuset.mems": "0",
  "hugetlb.2MB.max": "2097152",
  "hugetlb.2MB.rsvd.max": "2097152",
  "io.weight": "default 300",
  "memory.high": "100663296",
  "memory.low": "2097152",
  "memory.max": "134217728",
  "memory.min": "1048576",
  "memory.oom.group": "1",
  "memory.swap.high": "1048576",
  "memory.swap.max": "2097152",
  "memory.zswap.max": "4194304",
  "memory.zswap.writeback": "0",
  "pids.max": "66",
};

behaviour(
  "every file of unified holds",
  async (test, lab) => {
    const plain = await running(lab, {});
    const there = Object.entries(UNIFIED).filter(([file]) => existsSync(join(folderOf(plain), file)));
    test.ok(there.length > 15, "most of them are there");
    const box = await running(lab, { unified: Object.fromEntries(there) });
    for (const [file, value] of there) {
      test.equal(readFileSync(join(folderOf(box), file), "utf8").trim(), value, file);
    }
    await holds(test, box, () => settings(box));
  },
  needsSystemd,
  tsrunOnly("writes what it has no property for, and systemd undoes it"),
);

behaviour(
  "what an update sets holds as well",
  async (test, lab) => {
    const box = await running(lab, { cpu: { shares: 512 } });
    mustSucceed(await updateWith(box, { blockIO: { weight: 200 }, cpu: { idle: 1 } }));
    test.equal(readCgroup("cpu", box.id, "cpu.idle"), "1");
    await holds(test, box, () => settings(box));
    mustSucceed(await updateWith(box, { cpu: { idle: 0 }, pids: { limit: 30 } }));
    test.equal(readCgroup("cpu", box.id, "cpu.idle"), "0");
    await holds(test, box, () => settings(box));
    const files = { "memory.high": "max", "cpu.weight": "250", "memory.zswap.writeback": "0" };
    mustSucceed(await updateWith(box, { unified: files }));
    test.equal(readCgroup("cpu", box.id, "cpu.weight"), "250");
    await holds(test, box, () => settings(box));
  },
  needsSystemd,
  tsrunOnly("idle again after the next daemon-reload"),
);

behaviour(
  "a weight of BFQ's holds, for all devices and for one",
  async (test, lab) => {
    execFileSync("modprobe", ["bfq"]);
    const scheduler = "/sys/block/loop7/queue/scheduler";
    const before = /\[(.*)\]/.exec(readFileSync(scheduler, "utf8"))?.[1] ?? "none";
    writeFileSync(scheduler, "bfq");
    lab.atClose(() => {
      writeFileSync(scheduler, before);
      execFileSync("modprobe", ["-r", "bfq"]);
    });
    const weightDevice = [{ major: 7, minor: 7, weight: 300 }];
    const box = await running(lab, { blockIO: { weight: 500, weightDevice } });
    test.equal(readCgroup("io", box.id, "io.bfq.weight"), "default 500\n7:7 300");
    await holds(test, box, () => readCgroup("io", box.id, "io.bfq.weight"));
    const other = await running(lab, { unified: { "io.bfq.weight": "80\n7:7 900" } });
    test.equal(readCgroup("io", other.id, "io.bfq.weight"), "default 80\n7:7 900");
    await holds(test, other, () => readCgroup("io", other.id, "io.bfq.weight"));
    await box.delete({ flags: ["--force"] });
    await other.delete({ flags: ["--force"] });
  },
  needsSystemd,
  tsrunOnly("tells systemd nothing of the weight of block devices"),
);

behaviour(
  "memory.oom.group ends the whole container after a daemon-reload too",
  async (test, lab) => {
    const box = lab.container((config) => {
      const hog = "x=0123456789abcdef; while :; do x=$x$x; done";
      Container.script(`until [ -e /go ]; do sleep 0.1; done; sh -c '${hog}'; sleep 1000`)(config);
      config.linux.resources = {
        unified: { "memory.max": `${32 * MIB}`, "memory.swap.max": "0", "memory.oom.group": "1" },
      };
    });
    mustSucceed(await box.create());
    mustSucceed(await box.start());
    test.equal(systemctl("show", "--value", "-p", "OOMPolicy", unitOf(box)).trim(), "kill");
    systemctl("daemon-reload");
    systemctl("daemon-reexec");
    writeFileSync(join(box.rootfs, "go"), "");
    await box.waitForStatus("stopped");
    mustSucceed(await box.delete());
    test.equal(systemctl("show", "--value", "-p", "LoadState", unitOf(box)).trim(), "not-found");
  },
  needsSystemd,
  tsrunOnly("memory.oom.group is 0 again after the daemon-reload"),
);

behaviour(
  "memory.oom.group by update is written again by the next one, and a warning says what systemd does to it",
  async (test, lab) => {
    const box = await running(lab, {});
    const group = () => readCgroup("memory", box.id, "memory.oom.group");
    const updated = mustSucceed(await updateWith(box, { unified: { "memory.oom.group": "1" } }));
    test.match(updated.stderr, /systemd sets memory\.oom\.group to 0 again/);
    test.equal(group(), "1");
    const other = mustSucceed(await lab.invoke(["update", "--pids-limit", "30", box.id]));
    test.equal(other.stderr, "");
    test.equal(group(), "1", "although systemd has set it anew for the property");
  },
  needsSystemd,
  tsrunOnly("says nothing"),
);

behaviour(
  "what an administrator sets stays when something else is updated",
  async (test, lab) => {
    const box = await running(lab, {
      memory: { limit: 64 * MIB },
      cpu: { shares: 512 },
      pids: { limit: 20 },
    });
    systemctl("set-property", "--runtime", unitOf(box), "MemoryMax=96M", "MemoryHigh=80M", "CPUWeight=77");
    mustSucceed(await lab.invoke(["update", "--pids-limit", "30", box.id]));
    const shown = () => [
      ...["memory.max", "memory.high"].map((file) => readCgroup("memory", box.id, file)),
      readCgroup("cpu", box.id, "cpu.weight"),
      readCgroup("pids", box.id, "pids.max"),
    ];
    test.strictSame(shown(), [`${96 * MIB}`, `${80 * MIB}`, "77", "30"]);
    await holds(test, box, shown);
    mustSucceed(await lab.invoke(["update", "--memory", "128M", box.id]));
    test.equal(readCgroup("memory", box.id, "memory.max"), `${128 * MIB}`, "the last word counts");
  },
  needsSystemd,
  tsrunOnly("sets all that it knows of again"),
);

/** Whether each device can be opened for reading. */
async function readable(box: Container, ...devices: string[]): Promise<string> {
  const script = devices.map((path) => `true 2>/dev/null <${path} && echo ${path}`).join("; ");
  return (await box.lab.invoke(["exec", box.id, "sh", "-c", `(${script}) 2>/dev/null; true`])).stdout;
}

const DEVICE_SETS: readonly {
  readonly name: string;
  readonly rules: NonNullable<Resources["devices"]>;
  readonly allowed: string;
}[] = [
  {
    name: "all but one major number",
    rules: [
      { allow: true, access: "rwm" },
      { allow: false, type: "b", major: 7, access: "rwm" },
    ],
    allowed: "/dev/null\n/dev/random\n/dev/full\n",
  },
  {
    name: "one minor number of every major",
    rules: [
      { allow: false, access: "rwm" },
      { allow: true, type: "c", minor: 8, access: "r" },
    ],
    allowed: "/dev/null\n/dev/random\n",
  },
  {
    name: "one by one",
    rules: [
      { allow: false, access: "rwm" },
      { allow: true, type: "c", major: 1, minor: 7, access: "r" },
      { allow: true, type: "b", major: 7, access: "r" },
    ],
    allowed: "/dev/null\n/dev/full\n/dev/block\n",
  },
  {
    name: "all",
    rules: [{ allow: true, access: "rwm" }],
    allowed: "/dev/null\n/dev/random\n/dev/full\n/dev/block\n",
  },
];

for (const { name, rules, allowed } of DEVICE_SETS) {
  behaviour(
    `device rules hold: ${name}`,
    async (test, lab) => {
      const box = await running(lab, { devices: rules }, (config) => {
        config.linux.devices = [
          // A configured device at this path replaces the default rule for it.
          { type: "c", path: "/dev/random", major: 1, minor: 8, fileMode: 0o666 },
          { type: "c", path: "/dev/full", major: 1, minor: 7, fileMode: 0o666 },
          { type: "b", path: "/dev/block", major: 7, minor: 0, fileMode: 0o666 },
        ];
      });
      const opened = () => readable(box, "/dev/null", "/dev/random", "/dev/full", "/dev/block");
      test.equal(await opened(), allowed);
      for (const command of ["daemon-reload", "daemon-reexec"]) {
        systemctl(command);
        test.equal(await opened(), allowed, `after ${command}`);
      }
      mustSucceed(await lab.invoke(["update", "--pids-limit", "30", box.id]));
      test.equal(await opened(), allowed, "after an update");
      systemctl("daemon-reload");
      test.equal(await opened(), allowed, "after a daemon-reload after that");
    },
    needsSystemd,
    name.startsWith("all but") || name.startsWith("one minor")
      ? tsrunOnly("every device is refused after the daemon-reload")
      : undefined,
  );
}

behaviour(
  "a paused container stays paused",
  async (test, lab) => {
    const box = await running(lab, { memory: { limit: 64 * MIB } });
    mustSucceed(await lab.invoke(["pause", box.id]));
    systemctl("daemon-reload");
    systemctl("daemon-reexec");
    test.equal((await box.stateDocument()).status, "paused");
    mustSucceed(await lab.invoke(["resume", box.id]));
    await until("it to run", async () => (await box.stateDocument()).status === "running");
  },
  needsSystemd,
);
