// Cgroup v2: limits that it does not have, and threaded cgroups. Also runs on hosts with v1 hierarchies, as
// far as those leave controllers to v2.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  behaviour,
  nothingLeft,
  notOfCrun,
  notOfRunc,
  refused,
  runcFrom,
  tsrunOnly,
} from "../support/behaviour.ts";
import { cgroupsOf, needsUnified, onUnified, unifiedFolder } from "../support/cgroup.ts";
import type { Resources } from "../support/config.ts";
import { type Container, mustSucceed } from "../support/container.ts";
import { needsStrace, stopping } from "../support/injection.ts";
import type { Lab } from "../support/lab.ts";
import { needsProgram } from "../support/program.ts";
import { until } from "../support/wait.ts";

/** Limits that only v1 has, with the pointer in the error. */
const V1_ALONE: readonly (readonly [pointer: string, resources: Resources])[] = [
  ["/memory/swappiness", { memory: { swappiness: 10 } }],
  ["/memory/disableOOMKiller", { memory: { disableOOMKiller: true } }],
  ["/cpu/realtimeRuntime", { cpu: { realtimeRuntime: 1000 } }],
  ["/cpu/realtimePeriod", { cpu: { realtimePeriod: 1000000 } }],
  ["/blockIO/leafWeight", { blockIO: { leafWeight: 10 } }],
  ["/network/classID", { network: { classID: 5 } }],
  ["/network/priorities", { network: { priorities: [{ name: "lo", priority: 1 }] } }],
];

behaviour(
  "limits that cgroup v2 does not have are refused by create and update",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.linux.resources = {};
    });
    mustSucceed(await box.create(onUnified));
    const file = join(lab.folder, "resources.json");
    for (const [pointer, resources] of V1_ALONE) {
      const line = (at: string) => new RegExp(`cannot set ${at}${pointer}: cgroup v2 has no such limit`);
      const other = lab.container((config) => {
        config.linux.resources = resources;
      });
      refused(t, await other.create(onUnified), line("/linux/resources"));
      writeFileSync(file, JSON.stringify(resources));
      refused(t, await lab.invoke(["update", "--resources", file, box.id], onUnified), line(""));
    }
    mustSucceed(await box.delete({ flags: ["--force"], ...onUnified }));
  },
  needsUnified(),
  notOfRunc("it ignores them"),
  notOfCrun("its cgroup stays where a limit is refused"),
);

behaviour(
  "a weight for one block device is refused where no scheduler has such weights",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.linux.resources = { blockIO: { weightDevice: [{ major: 8, minor: 0, weight: 10 }] } };
    });
    refused(t, await box.create(onUnified), /cannot write "8:0 10" to ".*\/io.bfq.weight": no such file/);
    await nothingLeft(t, lab, "after the refusal");
  },
  needsUnified(),
  existsSync("/sys/module/bfq") ? "this host may have the BFQ scheduler" : undefined,
  notOfRunc("it leaves the weight out"),
  notOfCrun("its cgroup stays"),
);

behaviour(
  "a cgroup that holds a process outside the caller's pid namespace is refused, and the process left alone",
  async (t, lab) => {
    const box = lab.container();
    const path = `/unseen-${lab.mark}`;
    box.config.linux.cgroupsPath = path;
    box.writeConfig();
    const sleeper = spawn("sleep", ["1000"]);
    const move = (to: string) => writeFileSync(unifiedFolder(`${to}/cgroup.procs`), String(sleeper.pid));
    mkdirSync(unifiedFolder(path));
    lab.atClose(() => {
      move(cgroupsOf(process.pid).get("") ?? "/");
      sleeper.kill("SIGKILL");
      rmdirSync(unifiedFolder(path));
    });
    move(path);
    const wrapper = [...(onUnified.wrapper ?? []), "unshare", "--pid", "--fork", "--mount-proc"];
    refused(t, await box.create({ wrapper }), /container's cgroup is not empty: 1 process\(es\) found/);
    t.equal(sleeper.exitCode, null);
    t.equal(readFileSync(unifiedFolder(`${path}/cgroup.procs`), "utf8"), `${sleeper.pid}\n`);
    t.strictSame(
      readdirSync(lab.store).filter((name) => name === box.id),
      [],
    );
  },
  needsUnified(),
  needsProgram("unshare", "util-linux"),
);

/** Makes a cgroup and a threaded one in it, which is removed at the end. Returns the parent's path. */
function threadedPlace(lab: Lab): string {
  const parent = `/threads-${lab.mark}`;
  mkdirSync(unifiedFolder(`${parent}/threaded`), { recursive: true });
  writeFileSync(unifiedFolder(`${parent}/threaded/cgroup.type`), "threaded");
  lab.atClose(() => {
    for (const path of [`${parent}/threaded`, `${parent}/invalid`, parent]) {
      if (existsSync(unifiedFolder(path))) rmdirSync(unifiedFolder(path));
    }
  });
  return parent;
}

function inPlace(lab: Lab, path: string, resources: Resources = {}): Container {
  return lab.container((config) => {
    config.process.args = ["/bin/sleep", "1000"];
    config.linux.cgroupsPath = path;
    config.linux.resources = resources;
  });
}

const PROCESSES = notOfCrun("it reads the processes of a cgroup of threads in vain");

for (const [place, prepare] of [
  ["a threaded cgroup", (parent: string) => `${parent}/threaded`],
  ["a new cgroup below one of threads", (parent: string) => `${parent}/new`],
  [
    'a cgroup that is "domain invalid"',
    (parent: string) => {
      mkdirSync(unifiedFolder(`${parent}/invalid`));
      return `${parent}/invalid`;
    },
  ],
] as const) {
  behaviour(
    `a container in ${place} lives as elsewhere`,
    async (t, lab) => {
      const path = prepare(threadedPlace(lab));
      const box = inPlace(lab, path);
      mustSucceed(await box.create(onUnified));
      mustSucceed(await box.start(onUnified));
      const type = readFileSync(unifiedFolder(`${path}/cgroup.type`), "utf8");
      t.equal(type, "threaded\n", "nothing could enter it otherwise");
      const call = (...args: string[]) => lab.invoke(args, onUnified);
      const inside = mustSucceed(await call("exec", box.id, "cat", "/proc/self/cgroup")).stdout;
      t.ok(inside.split("\n").includes(`0::${path}`), inside);
      const { pid } = await box.stateDocument();
      const listed = mustSucceed(await call("ps", "--format", "json", box.id)).stdout;
      t.strictSame(JSON.parse(listed), [pid]);
      mustSucceed(await call("pause", box.id));
      t.match(readFileSync(unifiedFolder(`${path}/cgroup.events`), "utf8"), /^frozen 1$/m);
      mustSucceed(await call("resume", box.id));
      mustSucceed(await call("kill", box.id, "KILL"));
      await box.waitForStatus("stopped");
      mustSucceed(await box.delete(onUnified));
      t.notOk(existsSync(unifiedFolder(path)), "its cgroup is gone");
    },
    needsUnified(),
    PROCESSES,
    runcFrom("1.3.0", "it reads the processes of such a cgroup in vain"),
  );
}

const PYTHON = "/usr/bin/python3";

/**
 * Watches the events of a cgroup as tsrun does. The file changes first: readers are woken up to 10 ms later
 * (cgroup_file_notify() in the kernel).
 */
const WATCH = `import select, sys
events = open(sys.argv[1])
poll = select.poll()
poll.register(events, select.POLLPRI)
print(events.read(), "ready", flush=True)
while True:
    poll.poll()
    events.seek(0)
    if "populated 0" in events.read(): break
print("empty", flush=True)`;

/** Returns a function that waits for the watcher's words: "ready", then "empty". */
function watchEvents(lab: Lab, path: string): (word: string) => Promise<unknown> {
  const watcher = spawn(PYTHON, ["-c", WATCH, path], { stdio: ["ignore", "pipe", "inherit"] });
  lab.atClose(() => watcher.kill("SIGKILL"));
  let said = "";
  watcher.stdout.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  return (word) => until(`the watcher to say "${word}"`, () => said.includes(word));
}

behaviour(
  "delete waits for what is still ending in the cgroup, and no longer",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create(onUnified));
    mustSucceed(await lab.invoke(["kill", box.id, "KILL"], onUnified));
    await box.waitForStatus("stopped");
    const guest = spawn("sleep", ["1000"]);
    lab.atClose(() => guest.kill("SIGKILL"));
    const file = (name: string) => unifiedFolder(`/${box.id}/${name}`);
    writeFileSync(file("cgroup.procs"), String(guest.pid));
    // It is stopped while it waits, so that its wait cannot be over before the guest has ended.
    const waits = stopping(lab, "-e", "trace=ppoll", "-e", "inject=ppoll:signal=STOP:when=1");
    const deleting = box.delete({ wrapper: [...(onUnified.wrapper ?? []), ...waits.wrapper] });
    await waits.untilStopped();
    const watcher = watchEvents(lab, file("cgroup.events"));
    await watcher("ready");
    guest.kill("SIGKILL");
    await watcher("empty");
    waits.goOn();
    mustSucceed(await deleting);
    t.match(waits.logged(), /events=POLLPRI\}.* = 1 \(\[\{fd=\d+, revents=POLLPRI/, "it is told of the end");
    t.equal(waits.logged().match(/^ppoll/gm)?.length, 2, "once, and again when it goes on");
    await nothingLeft(t, lab, "after delete");
  },
  needsUnified(),
  needsStrace,
  needsProgram(PYTHON, "python3"),
  tsrunOnly("it looks again after fixed times"),
);

behaviour(
  "limits that a cgroup of threads cannot have are refused, and its kind stays",
  async (t, lab) => {
    const parent = threadedPlace(lab);
    const type = () => readFileSync(unifiedFolder(`${parent}/threaded/cgroup.type`), "utf8");
    const box = inPlace(lab, `${parent}/threaded`, { memory: { limit: 1 << 26 } });
    const line = /cannot enter cgroupv2 ".*\/threaded" with domain controllers -- it is in threaded mode/;
    refused(t, await box.create(onUnified), line);
    t.equal(type(), "threaded\n");
    const fresh = inPlace(lab, `${parent}/new`, { memory: { limit: 1 << 26 } });
    refused(t, await fresh.create(onUnified), /with domain controllers -- it is in an invalid state/);
    t.notOk(existsSync(unifiedFolder(`${parent}/new`)), "the new cgroup is gone");
  },
  needsUnified(),
  notOfRunc("with the container it removes the cgroup that was there before"),
  notOfCrun("it tries to write them, and its cgroup stays"),
);
