// Impossible cgroups: each refusal is one line that names the file and the value, or what is missing; nothing
// is left of a creation, and a container in use keeps its limits.

import { spawn, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  behaviour,
  type Condition,
  needsController,
  nothingLeft,
  notOfCrun,
  refused,
  tsrunOnly,
} from "../support/behaviour.ts";
import { isUnified, onUnified, readCgroup, unifiedController, unifiedFolder } from "../support/cgroup.ts";
import { cgroupOf, systemdDriver } from "../support/cgroup-driver.ts";
import type { Resources } from "../support/config.ts";
import { type CallOptions, Container, mustSucceed } from "../support/container.ts";
import { cgroupHierarchies, controllerHierarchy } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { isRunc, type Result } from "../support/runtime.ts";
import { asUser, userContainer } from "../support/user.ts";
import { until } from "../support/wait.ts";

type Test = Parameters<typeof refused>[0];

const PAGE = 4096;
const MIB = 1 << 20;

const byPath: Condition = systemdDriver ? "systemd chooses the cgroups" : undefined;
const bySystemd: Condition = systemdDriver ? undefined : "needs systemd as the cgroup driver: make test-vm";
const v2: Condition = isUnified() ? undefined : "needs the memory controller of cgroup v2: make test-vm";
const CGROUP_STAYS = "its cgroup stays";

/** A wrapper that makes the call with other mounts; `change` runs for every mount point, `$m`. */
function withMounts(
  change: string,
  mountpoints = cgroupHierarchies().map((one) => one.mountpoint),
): string[] {
  const script = `for m in ${mountpoints.join(" ")}; do ${change} || exit 99; done; exec "$@"`;
  return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"];
}

const READ_ONLY = "mount --bind $m $m && mount -o remount,bind,ro $m";
const GONE = "umount -l $m";

async function createRefused(t: Test, lab: Lab, resources: Resources, line: RegExp): Promise<void> {
  const box = lab.container((config) => {
    config.linux.resources = resources;
  });
  refused(t, await box.create(), line);
  await nothingLeft(t, lab, "after the refusal");
}

async function running(lab: Lab, resources: Resources): Promise<Container> {
  const box = lab.container(Container.script("sleep 1000"));
  box.config.linux.resources = resources;
  box.writeConfig();
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  return box;
}

function update(lab: Lab, box: Container, resources: object, options: CallOptions = {}): Promise<Result> {
  const file = join(lab.folder, "resources.json");
  writeFileSync(file, JSON.stringify(resources));
  return lab.invoke(["update", "--resources", file, box.id], options);
}

// ---- values -----------------------------------------------------------------------------------------------

behaviour(
  "a creation that its memory limit does not allow says so",
  async (t, lab) => {
    const line = isUnified()
      ? /container init was OOM-killed \(memory limit too low\?\)/
      : /unable to set memory limit to 4096 \(current usage: \d+, peak usage: \d+\)/;
    await createRefused(t, lab, { memory: { limit: PAGE, swap: PAGE } }, line);
  },
  needsController("memory"),
);

behaviour(
  "checkBeforeUpdate refuses limits below what is in use, where the kernel would kill",
  async (t, lab) => {
    const box = await running(lab, { memory: { limit: 64 * MIB, swap: 80 * MIB }, pids: { limit: 40 } });
    const memory = { limit: PAGE, swap: PAGE, checkBeforeUpdate: true };
    const result = await update(lab, box, { memory, pids: { limit: 50 } });
    refused(t, result, /rejecting memory(\+swap)? limit 4096 <= usage \d+/);
    t.equal(readCgroup("memory", box.id, "memory.max"), String(64 * MIB));
    t.equal(readCgroup("memory", box.id, "memory.swap.max"), String(16 * MIB));
    t.equal(readCgroup("pids", box.id, "pids.max"), "40");
    t.equal((await box.stateDocument()).status, "running");
  },
  v2,
);

for (const [cpus, mems, refusedValue] of [
  ["0-", "0", "0-"],
  ["bogus", "0", "bogus"],
  ["4000", "0", "4000"],
  ["0", "77", "77"],
] as const) {
  behaviour(
    `a cpuset of cpus "${cpus}" and mems "${mems}" is refused by create and update`,
    async (t, lab) => {
      const file = refusedValue === mems ? "mems" : "cpus";
      const line = new RegExp(
        `cannot write "${refusedValue}" to ".*/cpuset.${file}": |cpu.${file} "${refusedValue}" conversion`,
      );
      await createRefused(t, lab, { cpu: { cpus, mems } }, line);
      const box = await running(lab, { cpu: { cpus: "0", mems: "0", shares: 512 } });
      const shares = () => readCgroup("cpu", box.id, isUnified() ? "cpu.weight" : "cpu.shares");
      const before = shares();
      refused(t, await update(lab, box, { cpu: { cpus, mems, shares: 700 } }), line);
      t.equal(shares(), before);
      t.equal(readCgroup("cpuset", box.id, "cpuset.cpus"), "0");
      t.equal(readCgroup("cpuset", box.id, "cpuset.mems"), "0");
    },
    needsController("cpuset"),
    notOfCrun(CGROUP_STAYS),
  );
}

/** A limit of version 2 that can be set here: where memory is in a v1 hierarchy, one of huge pages. */
const KEPT = isUnified()
  ? { file: "memory.max", limits: (bytes: number): Resources => ({ memory: { limit: bytes } }) }
  : {
      file: "hugetlb.2MB.max",
      limits: (bytes: number): Resources => ({ hugepageLimits: [{ pageSize: "2MB", limit: bytes }] }),
    };
const [CONTROLLER = ""] = KEPT.file.split(".");
const hasKept: Condition =
  isUnified() || unifiedController() === CONTROLLER
    ? undefined
    : "needs cgroup v2 with its memory or hugetlb controller";

for (const [name, resources, line] of [
  ["nosuch.max", { unified: { "nosuch.max": "1" } }, /controller "nosuch" not available/],
  [
    "NAME.nosuch",
    { unified: { [`${CONTROLLER}.nosuch`]: "1" } },
    new RegExp(`cannot write "1" to ".*${CONTROLLER}\\.nosuch": no such file`),
  ],
  ["nodot", { unified: { nodot: "1" } }, /"nodot" must be in the form CONTROLLER\.PARAMETER/],
  ["NAME.max=x", { unified: { [KEPT.file]: "x" } }, new RegExp(`"x".*${KEPT.file}|${KEPT.file}.*"x"`)],
  ["a page size of 3MB", { hugepageLimits: [{ pageSize: "3MB", limit: PAGE }] }, /hugetlb\.3MB/],
] satisfies readonly (readonly [string, Resources, RegExp])[]) {
  behaviour(
    `on cgroup v2 ${name} is refused by create and update`,
    async (t, lab) => {
      const refusedBox = lab.container((config) => {
        config.linux.resources = resources;
      });
      refused(t, await refusedBox.create(onUnified), line);
      await nothingLeft(t, lab, "after the refusal");
      const box = lab.container(Container.script("sleep 1000"));
      box.config.linux.resources = KEPT.limits(64 * MIB);
      box.writeConfig();
      mustSucceed(await box.create(onUnified));
      mustSucceed(await box.start(onUnified));
      const { hugepageLimits = [], ...others } = KEPT.limits(32 * MIB);
      const pages = [...hugepageLimits, ...(resources.hugepageLimits ?? [])];
      const change = { ...resources, ...others, ...(pages.length === 0 ? {} : { hugepageLimits: pages }) };
      const changed = await update(lab, box, change, onUnified);
      // runc's update does not look at huge pages.
      if (!isRunc || resources.hugepageLimits === undefined) refused(t, changed, line);
      const folder = unifiedFolder(cgroupOf(box.id));
      t.equal(
        readFileSync(join(folder, KEPT.file), "utf8"),
        `${64 * MIB}\n`,
        "what was written is taken back",
      );
      mustSucceed(await box.delete({ flags: ["--force"], ...onUnified }));
      await nothingLeft(t, lab, "after delete");
    },
    hasKept,
  );
}

behaviour(
  "names that lead out of the cgroup are refused where they stand",
  async (t, lab) => {
    const slashes =
      /\/linux\/resources\/unified\/..~1memory.max \(.*\): must be a file name, without slashes/;
    await createRefused(t, lab, { unified: { "../memory.max": "1" } }, slashes);
  },
  notOfCrun(CGROUP_STAYS),
);

behaviour(
  "a page size that leads out of the cgroup is refused by update",
  async (t, lab) => {
    const box = await running(lab, {});
    const result = await update(lab, box, { hugepageLimits: [{ pageSize: "2MB/../../x", limit: PAGE }] });
    refused(t, result, /\/hugepageLimits\/0\/pageSize .*must be a size such as/);
  },
  tsrunOnly("its update ignores page sizes"),
);

behaviour(
  "limits of a controller that is not there are refused with its name",
  async (t, lab) => {
    await createRefused(t, lab, { unified: { "pids.max": "1" } }, /cannot use unified on cgroup v1/);
    const wrapper = withMounts(GONE, [controllerHierarchy("pids")?.mountpoint ?? ""]);
    const box = lab.container((config) => {
      config.linux.resources = { pids: { limit: 5 } };
    });
    refused(
      t,
      await box.create({ wrapper }),
      /cannot set pids limit: container could not join or create cgroup/,
    );
    await nothingLeft(t, lab, "after the refusal");
  },
  needsController("pids", 1),
  notOfCrun(CGROUP_STAYS),
);

behaviour(
  "what the kernel refuses changes nothing, and is not said to have changed",
  async (t, lab) => {
    const box = await running(lab, { pids: { limit: 40 } });
    // A device that does not exist.
    const throttleReadBpsDevice = [{ major: 250, minor: 77, rate: 1000 }];
    const result = await update(lab, box, { pids: { limit: 50 }, blockIO: { throttleReadBpsDevice } });
    refused(
      t,
      result,
      /cannot write "250:77 (rbps=)?1000" to ".*(read_bps_device|io\.max)": no such device"/,
    );
    t.equal(readCgroup("pids", box.id, "pids.max"), "40");
  },
  needsController(isUnified() ? "io" : "blkio"),
  tsrunOnly("its update takes no throttles"),
);

// ---- mounts -----------------------------------------------------------------------------------------------

behaviour(
  "read-only cgroup mounts: nothing is made, and nothing changed",
  async (t, lab) => {
    const wrapper = withMounts(READ_ONLY);
    const box = lab.container();
    const line = /unable to apply cgroup configuration: cannot create directory ".*": read-only file system/;
    refused(t, await box.create({ wrapper }), line);
    await nothingLeft(t, lab, "after the refusal");
    const other = await running(lab, { pids: { limit: 40 } });
    const updated = await lab.invoke(["update", "--pids-limit", "50", other.id], { wrapper });
    refused(t, updated, /cannot write "50" to ".*\/pids\.max": read-only file system"/);
    t.equal(readCgroup("pids", other.id, "pids.max"), "40");
    const paused = await lab.invoke(["pause", other.id], { wrapper });
    refused(
      t,
      paused,
      /cannot write "(FROZEN|1)" to ".*(freezer\.state|cgroup\.freeze)": read-only file system/,
    );
    t.equal((await other.stateDocument()).status, "running");
  },
  byPath,
);

behaviour(
  "without a cgroup mount nothing is created",
  async (t, lab) => {
    const wrapper = withMounts(GONE);
    refused(t, await lab.container().create({ wrapper }), /no cgroup mount found in mountinfo/);
    await nothingLeft(t, lab, "after the refusal");
    const other = await running(lab, { pids: { limit: 40 } });
    const updated = await lab.invoke(["update", "--pids-limit", "50", other.id], { wrapper });
    refused(t, updated, /cannot write "50" to ".*\/pids\.max": no such file or directory/);
    t.equal(readCgroup("pids", other.id, "pids.max"), "40");
  },
  byPath,
);

behaviour(
  "without the devices hierarchy nothing is created",
  async (t, lab) => {
    const wrapper = withMounts(GONE, [controllerHierarchy("devices")?.mountpoint ?? ""]);
    const line = /no devices cgroup hierarchy is mounted|cannot set devices limit: container could not join/;
    refused(t, await lab.container().create({ wrapper }), line);
    await nothingLeft(t, lab, "after the refusal");
  },
  needsController("devices", 1),
  notOfCrun("it goes without"),
);

// ---- rights -----------------------------------------------------------------------------------------------

/** A container of an ordinary user to whom nothing was delegated. */
function limited(lab: Lab, cgroupsPath: string | undefined, resources: Resources): Container {
  return userContainer(lab, (config) => {
    config.linux.resources = resources;
    if (cgroupsPath !== undefined) config.linux.cgroupsPath = cgroupsPath;
  });
}

behaviour(
  "a user to whom no cgroup was delegated gets none by path, and no limits",
  async (t, lab) => {
    const wrapper = asUser(lab);
    const path = `/refused-${lab.mark}`;
    refused(
      t,
      await limited(lab, path, {}).create({ wrapper }),
      new RegExp(`cannot create directory ".*${path}": permission denied`),
    );
    await nothingLeft(t, lab, "after the refusal");
    const line = isUnified()
      ? /rootless needs no limits \+ no cgrouppath when no permission is granted .*permission denied/
      : /cannot set pids limit: container could not join or create cgroup/;
    refused(t, await limited(lab, undefined, { pids: { limit: 9 } }).create({ wrapper }), line);
    await nothingLeft(t, lab, "after the refusal");
  },
  byPath,
  notOfCrun("it goes without"),
);

// ---- systemd ----------------------------------------------------------------------------------------------

behaviour("without a running systemd its driver is refused", async (t, lab) => {
  const box = lab.container((config) => {
    config.linux.cgroupsPath = `system.slice:e2e:${lab.mark}`;
  });
  const script = 'if [ -d /run ]; then mount -t tmpfs none /run; fi && exec "$@"';
  const wrapper = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"];
  const args = ["--root", lab.stateRoot, "--systemd-cgroup", "create", "--bundle", box.bundle, box.id];
  refused(t, await lab.invokeBare(args, { wrapper }), /systemd.* not available: "\/run\/.*" does not exist/);
  await nothingLeft(t, lab, "after the refusal");
});

/** `systemd 262 (262.1-2)` */
function systemdVersion(): number {
  const { stdout } = spawnSync("systemctl", ["--version"], { encoding: "utf8" });
  return Number(/systemd (\d+)/.exec(stdout ?? "")?.[1] ?? 0);
}

behaviour(
  "a systemd that has dropped cgroup v1 is not asked for it",
  async (t, lab) => {
    const script = [
      "mount -t tmpfs none /sys/fs/cgroup && cd /sys/fs/cgroup && mkdir systemd unified",
      "mount -t cgroup -o none,name=e2e none systemd && mount -t cgroup2 none unified",
      'exec "$@"',
    ].join(" && ");
    const wrapper = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"];
    refused(t, await lab.container().create({ wrapper }), /systemd \d+ does not manage cgroup v1/);
    await nothingLeft(t, lab, "after the refusal");
  },
  bySystemd,
  systemdVersion() < 258 ? "needs systemd 258" : undefined,
  tsrunOnly("tries"),
);

behaviour(
  "a unit of the name that is there is refused, and left alone",
  async (t, lab) => {
    for (const slice of ["system.slice", "user.slice"]) {
      const name = `taken-${process.pid}-${slice.slice(0, 4)}`;
      const unit = `e2e-${name}.scope`;
      const sleeper = spawn("systemd-run", [
        "--scope",
        `--slice=${slice}`,
        `--unit=${unit}`,
        "sleep",
        "1000",
      ]);
      lab.atClose(() => spawnSync("systemctl", ["stop", unit]));
      const active = () => spawnSync("systemctl", ["is-active", unit], { encoding: "utf8" }).stdout.trim();
      await until("the unit", () => active() === "active");
      const box = lab.container((config) => {
        config.linux.cgroupsPath = `system.slice:e2e:${name}`;
      });
      const line = new RegExp(
        slice === "system.slice"
          ? "container's cgroup is not empty: 1 process\\(es\\) found"
          : `unable to start unit "${unit}": .*already (loaded|exists)`,
      );
      refused(t, await box.create(), line);
      await nothingLeft(t, lab, "after the refusal");
      t.equal(active(), "active");
      t.equal(sleeper.exitCode, null);
    }
  },
  bySystemd,
  tsrunOnly("words"),
);
