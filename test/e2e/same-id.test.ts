// Commands on one id that run at the same time, and commands that wait for the lock while their container is
// deleted and another one with the same id is created. They are held at the lock or in a hook, so that the
// test decides the order.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, notOfCrun, refused, tsrunOnly } from "../support/behaviour.ts";
import { cgroupFolders } from "../support/cgroup.ts";
import { driverFlags, systemdDriver } from "../support/cgroup-driver.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { findProgram, signalProcess, stopProcess } from "../support/host.ts";
import { needsStrace, stopping } from "../support/injection.ts";
import type { Lab } from "../support/lab.ts";
import { isTsrun, type Result } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

const SLEEP = Container.script("exec sleep 1000");
const needsFlock = findProgram("flock") === undefined ? "needs flock (package util-linux)" : undefined;
const ours = tsrunOnly("its commands do not wait for each other");

/** Takes the container's lock. Returns a function that releases it. */
async function holdLock(lab: Lab, box: Container): Promise<() => void> {
  const holder = spawn("flock", [join(lab.stateRoot, box.id), "sh", "-c", "echo held; exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  lab.atClose(() => holder.kill("SIGKILL"));
  await new Promise((resolve) => holder.stdout.once("data", resolve));
  return () => holder.stdin.end();
}

/** Waits until the process waits for a lock: "->" marks a waiting process (proc_locks(5)). */
async function untilItWaits(what: string, pid: () => number): Promise<void> {
  await until(`${what} to wait`, () => {
    return new RegExp(`-> FLOCK .* ${pid()} `).test(readFileSync("/proc/locks", "utf8"));
  });
}

interface Waiter {
  readonly result: Promise<Result>;
  go(): void;
}

/** Calls the runtime, waits until it waits for the lock, and stops it there. */
async function waiter(lab: Lab, args: readonly string[]): Promise<Waiter> {
  let pid = 0;
  const result = lab.invoke(args, {
    onSpawn: (spawned) => {
      pid = spawned;
    },
  });
  await untilItWaits(args[0] ?? "", () => pid);
  await stopProcess(pid);
  return { result, go: () => signalProcess(pid, "SIGCONT") };
}

behaviour(
  "commands that waited for a container that is gone by then leave the next one of that id alone",
  async (t, lab) => {
    const box = lab.container(SLEEP);
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const giveBack = await holdLock(lab, box);
    const calls = [
      ["start", box.id],
      ["pause", box.id],
      ["resume", box.id],
      ["update", "--pids-limit", "9", box.id],
      ["delete", box.id],
      ["checkpoint", "--image-path", join(lab.folder, "images"), box.id],
    ];
    const late: Waiter[] = [];
    for (const args of calls) late.push(await waiter(lab, args));
    const removing = await waiter(lab, ["delete", "--force", box.id]);
    giveBack();
    mustSucceed(await box.delete({ flags: ["--force"] }));
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const before = await box.stateDocument();
    for (const { go } of [...late, removing]) go();
    for (const { result } of late) refused(t, await result, /container does not exist/);
    const { code, stderr } = await removing.result;
    t.strictSame([code, stderr], [0, ""], "what it was asked to remove is gone");
    t.strictSame(await box.stateDocument(), before, "the new container is as it was");
    t.notOk(existsSync(join(lab.folder, "images")));
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after the second");
  },
  needsFlock,
  ours,
);

behaviour(
  "the end of a run in the foreground leaves the next container of that id alone",
  async (t, lab) => {
    const box = lab.container(SLEEP);
    let pid = 0;
    const first = box.run({
      onSpawn: (spawned) => {
        pid = spawned;
      },
    });
    await box.waitForProgram("sleep");
    const locked = new RegExp(` FLOCK .* ${pid} `);
    await until("it to give the lock back", () => !locked.test(readFileSync("/proc/locks", "utf8")));
    // It learns of the end of its container only when there is another one.
    signalProcess(pid, "SIGSTOP");
    mustSucceed(await box.delete({ flags: ["--force"] }));
    const next = lab.container(SLEEP);
    mustSucceed(await lab.invoke(["run", "--detach", "--bundle", next.bundle, box.id]));
    const before = await box.stateDocument();
    signalProcess(pid, "SIGCONT");
    await first;
    t.strictSame(await box.stateDocument(), before, "the new container is as it was");
  },
  tsrunOnly("the end of its run removes whatever has the id"),
);

behaviour(
  "delete --force of a stopped container ends nothing in a cgroup that another container has by now",
  async (t, lab) => {
    const box = lab.container(Container.script("true"));
    mustSucceed(await box.run({ flags: ["--detach"] }));
    await box.waitForStatus("stopped");
    // The same id and the same cgroup below another state root.
    const elsewhere = ["--root", join(lab.folder, "elsewhere"), ...driverFlags];
    const next = lab.container(SLEEP);
    next.config.linux.cgroupsPath = box.config.linux.cgroupsPath ?? "";
    next.writeConfig();
    const on = (...args: string[]) => lab.invokeBare([...elsewhere, ...args]);
    mustSucceed(await on("run", "--detach", "--bundle", next.bundle, box.id));
    try {
      const forced = await box.delete({ flags: ["--force"] });
      if (isTsrun) t.match(mustSucceed(forced).stderr, /in use by another container/);
      const { status } = JSON.parse(mustSucceed(await on("state", box.id)).stdout) as { status: string };
      t.equal(status, "running");
    } finally {
      mustSucceed(await on("delete", "--force", box.id));
    }
    rmSync(join(lab.folder, "elsewhere"), { recursive: true });
    // runc's fails after ten seconds, as long as the cgroup is in use.
    if (!isTsrun) mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after both");
  },
  notOfCrun("it ends what is in the cgroup"),
);

behaviour(
  "delete --force takes a process that ends meanwhile for nobody's",
  async (t, lab) => {
    const box = lab.container(Container.script("true"));
    mustSucceed(await box.run({ flags: ["--detach"] }));
    await box.waitForStatus("stopped");
    const other = spawn("sleep", ["1000"], { stdio: "ignore" });
    lab.atClose(() => other.kill("SIGKILL"));
    for (const folder of cgroupFolders(box.id)) writeFileSync(join(folder, "cgroup.procs"), `${other.pid}`);
    // Stopped when it has seen that process in the cgroup, just before it looks whose it is.
    const looks = stopping(lab, "-P", "/proc/self/ns/pid", "-e", "inject=readlinkat:signal=STOP");
    const forced = box.delete({ flags: ["--force"], wrapper: looks.wrapper });
    await looks.untilStopped();
    other.kill("SIGKILL");
    await once(other, "exit");
    looks.goOn();
    const { code, stderr } = await forced;
    t.strictSame([code, stderr], [0, ""]);
    await nothingLeft(t, lab, "after delete");
  },
  needsStrace,
  systemdDriver ? "systemd removes the cgroup of a container that has ended" : undefined,
  ours,
);

/** A container whose `create` stays in a hook until `go` is called. */
function heldInHook(lab: Lab): { readonly box: Container; begun(): Promise<void>; go(): void } {
  const [begun, go] = [join(lab.folder, "begun"), join(lab.folder, "go")];
  const script = `echo >${begun}; until [ -e ${go} ]; do sleep 0.01; done`;
  const box = lab.container((config) => {
    SLEEP(config);
    config.hooks = { createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", script] }] };
  });
  return {
    box,
    begun: async () => {
      await until("the hook to begin", () => existsSync(begun));
    },
    go: () => writeFileSync(go, ""),
  };
}

behaviour(
  "run starts its container with the lock, which other commands wait for",
  async (t, lab) => {
    const { box, begun, go } = heldInHook(lab);
    let pid = 0;
    const running = box.run({
      flags: ["--detach"],
      onSpawn: (spawned) => {
        pid = spawned;
      },
    });
    await begun();
    const giveBack = await holdLock(lab, box);
    const starting = await waiter(lab, ["start", box.id]);
    go();
    await untilItWaits("run", () => pid);
    t.equal((await box.stateDocument()).status, "creating", "nobody can start it first");
    giveBack();
    mustSucceed(await running);
    starting.go();
    refused(t, await starting.result, /cannot start an already running container/);
    await box.waitForProgram("sleep");
  },
  needsFlock,
  ours,
);

behaviour(
  "of a create whose container is deleted meanwhile, nothing that it undoes is the next container's",
  async (t, lab) => {
    const { box, begun, go } = heldInHook(lab);
    const creating = box.create();
    await begun();
    const path = box.config.linux.cgroupsPath ?? "";
    const folders = cgroupFolders(path);
    t.not(folders.length, 0, "its cgroup is made");
    mustSucceed(await box.delete({ flags: ["--force"] }));
    t.strictSame(cgroupFolders(path), [], "delete has removed it");
    // As the next container has it before its first process.
    for (const folder of folders) mkdirSync(folder);
    go();
    refused(t, await creating, /cannot/);
    const left = cgroupFolders(path);
    for (const folder of left) rmdirSync(folder);
    t.strictSame(left, folders, "the empty cgroup is still there");
  },
  systemdDriver ? "systemd makes the cgroups" : undefined,
  ours,
);

behaviour(
  "a start says what another start, or delete --force, has done meanwhile",
  async (t, lab) => {
    const box = lab.container(SLEEP);
    mustSucceed(await box.create());
    const { pid: init } = await box.stateDocument();
    // Released, it does not execute its program yet.
    signalProcess(init, "SIGSTOP");
    let pid = 0;
    const first = box.start({
      onSpawn: (spawned) => {
        pid = spawned;
      },
    });
    await until("it to be released", () => !existsSync(join(lab.stateRoot, box.id, "exec.fifo")));
    refused(t, await box.start(), /cannot start an already running container/);
    // It learns of the end of its container only when nothing of that is there.
    signalProcess(pid, "SIGSTOP");
    mustSucceed(await box.delete({ flags: ["--force"] }));
    signalProcess(pid, "SIGCONT");
    refused(t, await first, /cannot start the container: it was deleted meanwhile/);
    await nothingLeft(t, lab, "after both");
  },
  tsrunOnly("others can start it until it has executed its program"),
);
