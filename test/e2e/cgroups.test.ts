// Cgroups: made where the configuration says, with its limits, joined before anything runs, and gone
// afterwards.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  behaviour,
  needsController,
  nothingLeft,
  notOfCrun,
  refused,
  tsrunOnly,
} from "../support/behaviour.ts";
import { cgroupFolders, cgroupsOf, isUnified, readCgroup, readSetting } from "../support/cgroup.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import type { Resources } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { blockDevice, cgroupHierarchies, controllerHierarchy } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";

const MIB = 1 << 20;

async function created(lab: Lab, resources: Resources): Promise<Container> {
  const box = lab.container((config) => {
    config.linux.resources = resources;
  });
  mustSucceed(await box.create());
  return box;
}

/** A file of the controller's cgroup under its v1 or its v2 name. */
function value(box: Container, controller: string, v1: string, v2: string): string {
  const version = cgroupHierarchies().find((one) => one.controllers.includes(controller))?.version;
  return readCgroup(controller, box.id, version === 1 ? v1 : v2);
}

behaviour("the container is in its own cgroup of every hierarchy before it is started", async (t, lab) => {
  const box = await created(lab, {});
  const { pid } = await box.stateDocument();
  const own = [...cgroupsOf(pid)].filter(([controllers]) => controllers !== "");
  for (const [controllers, path] of own) t.equal(path, `/${box.id}`, controllers);
  t.ok(cgroupFolders(box.id).length > 0);
  mustSucceed(await box.delete());
  t.strictSame(cgroupFolders(box.id), [], "delete removes them");
});

behaviour(
  "memory limits are set",
  async (t, lab) => {
    const box = await created(lab, { memory: { limit: 64 * MIB, reservation: 32 * MIB, swap: 64 * MIB } });
    t.equal(value(box, "memory", "memory.limit_in_bytes", "memory.max"), String(64 * MIB));
    t.equal(value(box, "memory", "memory.soft_limit_in_bytes", "memory.low"), String(32 * MIB));
  },
  needsController("memory"),
);

behaviour(
  "cpu shares, quota and period are set",
  async (t, lab) => {
    const box = await created(lab, { cpu: { shares: 512, quota: 25_000, period: 50_000 } });
    t.equal(readCgroup("cpu", box.id, "cpu.shares"), "512");
    t.equal(readCgroup("cpu", box.id, "cpu.cfs_quota_us"), "25000");
    t.equal(readCgroup("cpu", box.id, "cpu.cfs_period_us"), "50000");
  },
  needsController("cpu", 1),
);

behaviour(
  "cpuset is the configured one, or its parent's",
  async (t, lab) => {
    const box = await created(lab, { cpu: { cpus: "0", mems: "0" } });
    t.equal(value(box, "cpuset", "cpuset.cpus", "cpuset.cpus"), "0");
    t.equal(value(box, "cpuset", "cpuset.mems", "cpuset.mems"), "0");
    const plain = await created(lab, {});
    t.equal(readCgroup("cpuset", plain.id, "cpuset.cpus"), readCgroup("cpuset", "", "cpuset.cpus"));
  },
  needsController("cpuset", 1),
);

behaviour(
  "the process may run on every cpu of its cpuset, whatever the caller was bound to",
  async (t, lab) => {
    const box = lab.container(Container.script("grep Cpus_allowed_list /proc/self/status"));
    box.config.linux.resources = { cpu: { cpus: "0-1" } };
    box.writeConfig();
    t.match(await box.live({ wrapper: ["taskset", "-c", "0"] }), /\t0-1\n/);
  },
  needsController("cpuset", 1),
  tsrunOnly("the affinity is reset from 1.2 on"),
);

behaviour(
  "the limit on processes is set, and holds",
  async (t, lab) => {
    const box = await created(lab, { pids: { limit: 123 } });
    t.equal(readCgroup("pids", box.id, "pids.max"), "123");
    const tight = lab.container(Container.script("sleep 1000 & sleep 1000 & sleep 1000 & echo all"));
    tight.config.linux.resources = { pids: { limit: 2 } };
    tight.writeConfig();
    t.equal((await tight.run()).stdout, "");
  },
  needsController("pids"),
);

behaviour(
  "only the devices that the rules and the defaults allow can be opened",
  async (t, lab) => {
    const script = [
      "cat /dev/mine >/dev/null 2>&1 || echo denied",
      "echo x >/dev/null && head -c 1 /dev/zero | wc -c",
      "mknod /tmp/n c 1 1 && echo made",
    ].join("; ");
    const box = lab.container(Container.script(script));
    const names = ["CAP_MKNOD", "CAP_SYS_ADMIN"];
    box.config.process.capabilities = { bounding: names, effective: names, permitted: names };
    box.config.linux.devices = [{ type: "c", path: "/dev/mine", major: 1, minor: 11, fileMode: 0o666 }];
    box.config.linux.resources = { devices: [{ allow: false, access: "rwm" }] };
    box.writeConfig();
    t.match(await box.live(), /^denied\n1\nmade\n$/);
  },
  needsController("devices", 1),
);

behaviour(
  "a device that a rule allows can be opened",
  async (t, lab) => {
    const box = lab.container(Container.script("head -c 4 /dev/mine | wc -c"));
    box.config.linux.devices = [{ type: "c", path: "/dev/mine", major: 1, minor: 8, fileMode: 0o666 }];
    box.config.linux.resources = {
      devices: [
        { allow: false, access: "rwm" },
        { allow: true, type: "c", major: 1, minor: 8, access: "r" },
      ],
    };
    box.writeConfig();
    t.equal(await box.live(), "4\n");
  },
  needsController("devices", 1),
);

behaviour(
  "the devices cgroup lists what is allowed",
  async (t, lab) => {
    const box = await created(lab, { devices: [{ allow: false, access: "rwm" }] });
    const list = readCgroup("devices", box.id, "devices.list").split("\n").sort();
    t.ok(list.includes("c 1:3 rwm"), "null");
    t.ok(list.includes("c *:* m"), "making any");
    t.notOk(list.includes("a *:* rwm"));
  },
  needsController("devices", 1),
);

behaviour(
  "a memory limit of 512 KiB runs /bin/true",
  async (t, lab) => {
    const box = lab.container();
    // On one CPU: the kernel charges up to 256 KiB in advance on each (MEMCG_CHARGE_BATCH), and may return
    // another CPU's charge too late. That killed /bin/true in one run of twenty.
    const cpu = { cpus: "0", mems: "0" };
    box.config.linux.resources = { memory: { limit: 512 * 1024, swap: 512 * 1024 }, cpu };
    box.writeConfig();
    const result = await box.run();
    t.strictSame([result.code, result.stderr], [0, ""]);
    await nothingLeft(t, lab, "after run");
  },
  needsController("memory"),
  needsController("cpuset"),
  tsrunOnly("its own process needs more"),
);

behaviour(
  "a limit of one process runs /bin/true",
  async (t, lab) => {
    const box = lab.container();
    box.config.linux.resources = { pids: { limit: 1 } };
    box.writeConfig();
    const result = await box.run();
    t.strictSame([result.code, result.stderr], [0, ""]);
    await nothingLeft(t, lab, "after run");
  },
  needsController("pids"),
  tsrunOnly("its own threads count"),
);

behaviour(
  "the same cgroup name nested deeper is made with its parents, and the container's part removed",
  async (t, lab) => {
    const box = lab.container();
    const parent = `parent-${lab.mark}`;
    box.config.linux.cgroupsPath = `/${parent}/${box.id}`;
    box.writeConfig();
    mustSucceed(await box.create());
    t.ok(cgroupFolders(`${parent}/${box.id}`).length > 0);
    mustSucceed(await box.delete());
    t.strictSame(cgroupFolders(`${parent}/${box.id}`), []);
    for (const folder of cgroupFolders(parent)) rmdirSync(folder);
  },
);

behaviour("cgroups that the program made below its own are removed with it", async (t, lab) => {
  const box = lab.container(Container.script("exec sleep 1000"));
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  for (const folder of cgroupFolders(box.id)) {
    mkdirSync(join(folder, "inner/most"), { recursive: true });
    // The kernel's limit of 255 bytes does not hold for cgroups.
    mkdirSync(join(folder, "inner", "x".repeat(300)));
  }
  mustSucceed(await box.delete({ flags: ["--force"] }));
  await nothingLeft(t, lab, "after delete --force");
});

behaviour("a process that was moved into the container's cgroup ends with delete --force", async (t, lab) => {
  const box = lab.container((config) => {
    config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "pid");
    config.process.args = ["/bin/sh", "-c", "sleep 1000 & exec sleep 1001"];
  });
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  mustSucceed(await box.delete({ flags: ["--force"] }));
  await nothingLeft(t, lab, "after delete --force");
});

behaviour(
  "without a cgroupsPath the cgroup is named after the id, below the caller's own",
  async (t, lab) => {
    const box = lab.container((config) => {
      delete config.linux.cgroupsPath;
    });
    mustSucceed(await box.create());
    const { pid } = await box.stateDocument();
    for (const [controllers, path] of cgroupsOf(pid)) {
      if (controllers !== "") t.equal(path.split("/").at(-1), box.id, controllers);
    }
    mustSucceed(await box.delete());
    await nothingLeft(t, lab, "after delete");
  },
);

behaviour(
  "a limit that the kernel refuses fails create and leaves nothing",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.linux.resources = { cpu: { cpus: "4000" } };
    });
    const result = await box.create();
    t.equal(result.code, 1);
    t.match(result.stderr, /cpuset\.cpus|4000/);
    await nothingLeft(t, lab, "after the failure");
    box.config.linux.resources = {};
    box.writeConfig();
    mustSucceed(await box.create());
  },
  needsController("cpuset"),
  notOfCrun("its cgroup stays"),
);

behaviour(
  "a creation that fails takes back the parents that it made, and no others",
  async (t, lab) => {
    const [there, made] = [`there-${lab.mark}`, `made-${lab.mark}`];
    const folders = cgroupHierarchies().map(({ mountpoint }) => join(mountpoint, there));
    lab.atClose(() => folders.forEach((folder) => void rmdirSync(folder)));
    for (const folder of folders) mkdirSync(folder);
    const box = lab.container((config) => {
      config.linux.resources = { cpu: { cpus: "4000" } };
    });
    box.config.linux.cgroupsPath = `/${there}/${made}/inner/${box.id}`;
    box.writeConfig();
    t.equal((await box.create()).code, 1);
    t.strictSame(cgroupFolders(`${there}/${made}`), [], "what was made is gone");
    t.equal(cgroupFolders(there).length, folders.length, "what was there has stayed");
  },
  needsController("cpuset"),
  systemdDriver ? "systemd makes the parents" : undefined,
  tsrunOnly("parents stay"),
);

behaviour(
  "a program that outgrows its memory limit is killed, the runtime is not",
  async (t, lab) => {
    const box = lab.container(
      Container.script("head -c 200000000 /dev/zero | tail -c 200000000 | wc -c; exit 5"),
    );
    box.config.linux.resources = { memory: { limit: 8 * MIB, swap: 8 * MIB } };
    box.writeConfig();
    const result = await box.run();
    t.equal(result.stdout, "0\n", "tail was killed before it wrote");
    t.equal(result.code, 5);
    await nothingLeft(t, lab, "after run");
  },
  needsController("memory"),
);

behaviour(
  "a cgroup that already holds a process is refused, and the process left alone",
  async (t, lab) => {
    const name = `busy-${lab.mark}`;
    const parents = cgroupHierarchies()
      .filter(({ version }) => version === 1)
      .map(({ mountpoint }) => mountpoint);
    const sleeper = spawn("sleep", ["1000"]);
    const move = (folder: string) => writeFileSync(join(folder, "cgroup.procs"), String(sleeper.pid));
    lab.atClose(() => {
      const made = parents.filter((parent) => existsSync(join(parent, name)));
      made.forEach(move);
      sleeper.kill("SIGKILL");
      for (const parent of made) rmdirSync(join(parent, name));
    });
    for (const parent of parents) {
      mkdirSync(join(parent, name));
      // A cpuset takes processes only when it has processors and memory.
      if (existsSync(join(parent, name, "cpuset.cpus"))) {
        for (const file of ["cpuset.cpus", "cpuset.mems"]) {
          writeFileSync(join(parent, name, file), readFileSync(join(parent, file)));
        }
      }
      move(join(parent, name));
    }
    const box = lab.container();
    box.config.linux.cgroupsPath = `/${name}`;
    box.writeConfig();
    refused(t, await box.create(), /cgroup is not empty/);
    t.equal(sleeper.exitCode, null);
    t.ok(existsSync(`/proc/${sleeper.pid}`));
  },
  needsController("pids", 1),
  tsrunOnly("the refusal came with 1.1.6"),
);

behaviour(
  "delete --force lets a container go whose cgroup holds a process of the host, and says so",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await box.create());
    mustSucceed(await box.start());
    const guest = spawn("sleep", ["1000"]);
    const hierarchy = controllerHierarchy("pids")?.mountpoint ?? "";
    const folder = join(hierarchy, box.id);
    writeFileSync(join(folder, "cgroup.procs"), String(guest.pid));
    lab.atClose(() => {
      writeFileSync(join(hierarchy, "cgroup.procs"), String(guest.pid));
      guest.kill("SIGKILL");
      rmdirSync(folder);
    });
    const { code, stderr } = await box.delete({ flags: ["--force"] });
    t.equal(code, 0);
    t.match(stderr, /cannot remove cgroup .*device or resource busy \(processes \d+ are still in it\)/);
    t.match(stderr, /level=warning/);
    t.equal(stderr.trimEnd().split("\n").length, 1, "one line");
    t.equal(guest.exitCode, null, "the process is left alone");
    t.not((await box.state()).code, 0, "the container is gone");
    const others = cgroupFolders(box.id).filter((other) => other !== folder);
    t.strictSame(others, [], "and so are its other cgroups");
  },
  needsController("pids", 1),
  systemdDriver ? "systemd removes the cgroup" : undefined,
  tsrunOnly("it has words of its own, or keeps the container"),
);

behaviour(
  "a rate that needs more than 53 bits is set to its last digit, by create and by update",
  async (t, lab) => {
    const [major, minor] = blockDevice?.split(":") ?? [];
    const throttle = (name: string, rate: string) =>
      `{"blockIO": {"throttle${name}BpsDevice": [{"major": ${major}, "minor": ${minor}, "rate": ${rate}}]}}`;
    const rate = (name: string) => {
      const file = { v1: `blkio.throttle.${name}_bps_device`, v2: "io.max" };
      return readSetting(isUnified() ? "io" : "blkio", box.id, file);
    };
    const box = lab.container(Container.script("exec sleep 1000"));
    const resources = throttle("Read", "9007199254740993");
    box.config.linux.resources = { unified: {} };
    box.writeConfig(JSON.stringify(box.config).replace('{"unified":{}}', resources));
    mustSucceed(await box.create());
    t.match(rate("read"), /9007199254740993\b/);
    mustSucceed(await box.start());
    const asked = join(box.bundle, "resources.json");
    // From the second on, the current limits come from the saved state. The last ones have 64 bits, for which
    // the engine's arithmetic has a way of its own.
    for (const bytes of [
      "9007199254740995",
      "9007199254740997",
      "9223372036854775809",
      "18446744073709551613",
    ]) {
      writeFileSync(asked, throttle("Write", bytes));
      mustSucceed(await lab.invoke(["update", "--resources", asked, box.id]));
      t.match(rate("write"), new RegExp(` .*${bytes}\\b`));
      t.match(rate("read"), /9007199254740993\b/);
    }
  },
  needsController(isUnified() ? "io" : "blkio"),
  blockDevice === undefined ? "no block device" : undefined,
  tsrunOnly("its update takes no throttles"),
);
