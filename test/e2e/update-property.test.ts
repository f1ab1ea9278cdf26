// A property test: whatever resources a container gets, at its creation and by an update, its cgroup files
// are the same as with runc. An update that both refuse leaves ours unchanged; runc restores only what its
// old configuration names. CASES=20 sets the number of cases, SEED=n repeats those of an earlier run.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, tsrunOnly } from "../support/behaviour.ts";
import { cgroupFolders } from "../support/cgroup.ts";
import { driverFlags, systemdDriver } from "../support/cgroup-driver.ts";
import { Container } from "../support/container.ts";
import { controllerHierarchy, findProgram } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { Random, randomResources } from "../support/random-resources.ts";
import { plainEnv, runtimePath } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

const CASES = Number(process.env.CASES ?? 500);
const SEED = Number(process.env.SEED ?? (Date.now() % 1_000_000) + 1);

const runc = findProgram("runc");
const needsRunc = runc === undefined ? "needs runc to compare with" : undefined;

/** `runc version 1.3.6` */
function runcAtLeast(major: number, minor: number): boolean {
  const { stdout } = spawnSync(runc ?? "", ["--version"], { encoding: "utf8" });
  const [, first = 0, second = 0] = /version (\d+)\.(\d+)/.exec(stdout ?? "") ?? [];
  return Number(first) > major || (Number(first) === major && Number(second) >= minor);
}

/** Files with settings, not those with counters. */
const SETTINGS = [
  "blkio.bfq.weight",
  "blkio.throttle.read_bps_device",
  "blkio.throttle.write_bps_device",
  "blkio.throttle.read_iops_device",
  "blkio.throttle.write_iops_device",
  "cpu.cfs_burst_us",
  "cpu.cfs_period_us",
  "cpu.cfs_quota_us",
  "cpu.idle",
  "cpu.max",
  "cpu.max.burst",
  "cpu.shares",
  "cpu.weight",
  "cpuset.cpus",
  "cpuset.mems",
  "io.bfq.weight",
  "io.max",
  "io.weight",
  "memory.high",
  "memory.limit_in_bytes",
  "memory.low",
  "memory.max",
  "memory.memsw.limit_in_bytes",
  "memory.min",
  "memory.soft_limit_in_bytes",
  "memory.swap.max",
  "memory.swappiness",
  "net_cls.classid",
  "net_prio.ifpriomap",
  "pids.max",
  "rdma.max",
];

type Settings = Record<string, string>;

function settingsOf(id: string): Settings {
  const settings: Settings = {};
  for (const folder of cgroupFolders(id)) {
    for (const file of SETTINGS) {
      const path = join(folder, file);
      if (existsSync(path)) settings[file] = readFileSync(path, "utf8").trim();
    }
    const oom = join(folder, "memory.oom_control");
    if (existsSync(oom)) settings["memory.oom_control"] = readFileSync(oom, "utf8").split("\n")[0] ?? "";
    const devices = join(folder, "devices.list");
    if (existsSync(devices)) {
      settings["devices.list"] = readFileSync(devices, "utf8").trim().split("\n").sort().join("; ");
    }
  }
  return settings;
}

/** One container, made by one of the two runtimes. */
class Side {
  readonly #program: string;
  readonly #root: string;
  readonly box: Container;

  constructor(lab: Lab, program: string) {
    this.#program = program;
    // The lab deletes containers below its own root; the other runtime has another root, which is cleaned
    // here.
    this.#root = program === runtimePath ? lab.stateRoot : join(lab.folder, "state-of-runc");
    this.box = lab.container(Container.script("sleep 1000"));
  }

  /** Whether the call succeeds. */
  #call(...args: readonly string[]): Promise<boolean> {
    const child = spawn(this.#program, ["--root", this.#root, ...driverFlags, ...args], {
      env: plainEnv,
      stdio: "ignore",
    });
    return new Promise((resolve) => child.once("exit", (code) => resolve(code === 0)));
  }

  create(resources: object): Promise<boolean> {
    this.box.config.linux.resources = resources;
    this.box.writeConfig();
    return this.#call("create", "--bundle", this.box.bundle, this.box.id);
  }

  update(file: string): Promise<boolean> {
    return this.#call("update", "--resources", file, this.box.id);
  }

  async delete(): Promise<void> {
    await this.#call("delete", "--force", this.box.id);
    if (this.#program === runtimePath) return;
    // On a busy host runc may leave its cgroup and return 0; the next case would then find the values of this
    // one.
    await until("the cgroup of runc's container to go", () => cgroupFolders(this.box.id).every(isRemoved));
  }
}

function isRemoved(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch {
    return false;
  }
}

behaviour(
  `tsrun and runc set the same, ${CASES} cases`,
  async (t, lab) => {
    const random = new Random(SEED);
    const version = controllerHierarchy("memory")?.version ?? 1;
    const file = join(lab.folder, "update.json");
    const [ours, theirs] = [new Side(lab, runtimePath), new Side(lab, runc ?? "")];
    let both = 0;
    let compared = 0;
    const differences: string[] = [];
    const differ = (what: object): void => {
      differences.push(JSON.stringify(what));
    };
    const options = { update: true, devices: runcAtLeast(1, 3) };
    /** `before`: the settings that ours must still have if both refuse an update. */
    const compare = (resources: object[], agreed: readonly [boolean, boolean], before?: Settings): void => {
      compared++;
      if (agreed[0] && agreed[1]) both++;
      const mine = settingsOf(ours.box.id);
      const refused = !agreed[0] && !agreed[1];
      const other = (refused && before) || settingsOf(theirs.box.id);
      for (const name of new Set([...Object.keys(mine), ...Object.keys(other)])) {
        if (mine[name] === other[name]) continue;
        // runc forgets quota and period in an update that names neither, and systemd then resets both.
        if (systemdDriver && name === "cpu.max" && resources.length === 2) continue;
        differ({ resources, agreed, file: name, ours: mine[name], theirs: other[name] });
      }
      if (agreed[0] !== agreed[1]) differ({ resources, agreed });
    };
    while (compared < CASES && differences.length < 10) {
      const first = randomResources(random, version);
      try {
        const created = await Promise.all([ours.create(first), theirs.create(first)]);
        compare([first], created);
        if (!created[0] || !created[1]) continue;
        const before = settingsOf(ours.box.id);
        const second = randomResources(random, version, options);
        writeFileSync(file, JSON.stringify(second));
        compare([first, second], await Promise.all([ours.update(file), theirs.update(file)]), before);
      } finally {
        await Promise.all([ours.delete(), theirs.delete()]);
      }
    }
    t.strictSame(differences, [], `SEED=${SEED}`);
    t.ok(both > compared / 2, `most are accepted: ${both} of ${compared}`);
  },
  needsRunc,
  tsrunOnly("is what is compared with"),
);
