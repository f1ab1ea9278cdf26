// A shim that is killed at any of its system calls: `delete`, which containerd runs then, leaves nothing of
// its containers, and a command that the shim was running makes nothing after that.

import { closeSync, constants, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nothingLeft } from "../support/behaviour.ts";
import type { Config } from "../support/config.ts";
import { hasEnded, signalProcess } from "../support/host.ts";
import { needsStrace, traced } from "../support/injection.ts";
import { Containerd, Refusal, Shim } from "../support/shim.ts";
import { processOf, shimCase, sleeping, sleepingInPod } from "../support/shim-cases.ts";
import { until } from "../support/wait.ts";

/** How many of a phase's system calls are tried; SHIM_KILLS=1000 tries all. */
const TRIED = Number(process.env.SHIM_KILLS ?? 8);

interface Phase {
  readonly before: (shim: Shim) => Promise<unknown>;
  /** Never answered when the shim is killed. */
  readonly act: (shim: Shim) => Promise<unknown>;
}

const start = (shim: Shim): Promise<unknown> => shim.client.call("Start", { id: shim.box.id });
const run = async (shim: Shim): Promise<unknown> => {
  await create(shim);
  return start(shim);
};

/** With a root file system that the shim mounts, and output that it passes on. */
function create(shim: Shim): Promise<unknown> {
  const { bundle, rootfs: source } = shim.box;
  const stdout = join(bundle, "out");
  if (!existsSync(stdout)) shim.fifo("out");
  const reader = openSync(stdout, constants.O_RDONLY | constants.O_NONBLOCK);
  const rootfs = [{ type: "bind", source, options: ["rbind", "rw"] }];
  return shim.create({ stdout, rootfs }).finally(() => closeSync(reader));
}

const PHASES: Readonly<Record<string, Phase>> = {
  create: { before: async () => {}, act: create },
  start: { before: create, act: start },
  exec: {
    before: run,
    act: async (shim) => {
      const { id } = shim.box;
      const spec = processOf(shim, "exec sleep 500");
      await shim.client.call("Exec", { id, execId: "one", spec });
      return shim.client.call("Start", { id, execId: "one" });
    },
  },
  delete: {
    before: async (shim) => {
      await run(shim);
      await shim.client.call("Kill", { id: shim.box.id, signal: 9 });
      await shim.client.call("Wait", { id: shim.box.id });
    },
    act: (shim) => shim.client.call("Delete", { id: shim.box.id }),
  },
};

/** Does a phase while strace watches the shim, or has it killed. Returns strace's log. */
async function tracedPhase(shim: Shim, { before, act }: Phase, fault: readonly string[]): Promise<string> {
  await before(shim);
  return traced(shim, fault, () =>
    act(shim).then(
      () => "done",
      (error) => (error instanceof Refusal ? "done" : "cut off"),
    ),
  );
}

/** It may have been killed at the moment when strace let go of it. */
function endIfThere(pid: number): void {
  try {
    signalProcess(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The system calls of a phase, each by its name and how often it was called until then. */
async function callsOf(shim: Shim, phase: Phase): Promise<(readonly [string, number])[]> {
  const log = await tracedPhase(shim, phase, []);
  const counts = new Map<string, number>();
  const names = [...log.matchAll(/^(\w+)\(/gm)].map(([, name = ""]) => name);
  return names.map((name) => {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    return [name, count] as const;
  });
}

for (const [name, phase] of Object.entries(PHASES)) {
  shimCase(
    `a shim killed in ${name}, at whichever system call, leaves nothing that its delete does not remove`,
    async (t, lab) => {
      const containerd = new Containerd(lab);
      const box = lab.container(sleeping);
      const whole = await Shim.start(lab, box, containerd);
      const calls = await callsOf(whole, phase);
      await whole.stop();
      t.ok(calls.length > 10, `${calls.length} system calls`);
      const step = Math.max(1, calls.length / TRIED);
      let killed = 0;
      for (let at = 0; at < calls.length; at += step) {
        const [call, nth] = calls[Math.floor(at)] ?? ["", 0];
        const shim = await Shim.start(lab, box, containerd);
        const fault = ["-e", `trace=${call}`, "-e", `inject=${call}:signal=KILL:when=${nth}`];
        const log = await tracedPhase(shim, phase, fault);
        if (/killed by SIGKILL/.test(log)) killed += 1;
        else endIfThere(shim.pid);
        await shim.cleanUp();
        await nothingLeft(t, lab, `after a kill at ${call} ${nth}`);
      }
      t.ok(killed >= Math.min(TRIED, calls.length) / 2, `${killed} were killed`);
    },
    needsStrace,
  );
}

shimCase("a command of a shim that is killed ends with it", async (t, lab) => {
  const [marker, go] = ["command", "go"].map((name) => join(lab.folder, name)) as [string, string];
  const tell = `echo $PPID > ${marker}.new; mv ${marker}.new ${marker}`;
  const script = `${tell}; until [ -e ${go} ]; do sleep 0.02; done`;
  const waiting = (config: Config): void => {
    sleeping(config);
    config.hooks = { createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", script] }] };
  };
  const shim = await Shim.start(lab, lab.container(waiting));
  const { pid } = shim;
  shim.create().catch(() => {});
  await until("the hook to run", () => existsSync(marker));
  const command = readFileSync(marker, "utf8").trim();
  t.match(readFileSync(`/proc/${command}/status`, "utf8"), new RegExp(`^PPid:\\s${pid}$`, "m"));
  signalProcess(pid, "SIGKILL");
  try {
    // The hook, for which it waits, has not ended.
    await until("create to end", () => hasEnded(command));
  } finally {
    writeFileSync(go, "");
  }
  await shim.cleanUp();
  await until("the hook to end", async () => (await lab.leftovers()).length === 0);
  t.equal((await shim.box.state()).code, 1, "there is no container");
});

shimCase(
  "delete for a pod's first container ends the others, which have lost their shim, too",
  async (t, lab) => {
    const [one, other] = [lab.container(sleepingInPod), lab.container(sleepingInPod)];
    const alone = lab.container(sleeping);
    const containerd = new Containerd(lab);
    const shim = await Shim.start(lab, one, containerd);
    await shim.create();
    const rootfs = [{ type: "bind", source: other.rootfs, options: ["rbind"] }];
    const { pid } = await shim.create({ id: other.id, bundle: other.bundle, rootfs });
    await shim.client.call("Start", { id: other.id });
    await containerd.close();
    const apart = await Shim.start(lab, alone, containerd);
    await apart.create();
    signalProcess(shim.pid, "SIGKILL");
    await until("the shim to end", () => hasEnded(shim.pid));
    shim.client.close();
    shim.deleteAfter();
    t.equal((await one.state()).code, 1);
    t.equal((await other.state()).code, 1);
    await until("its process to be gone", () => hasEnded(pid ?? 0));
    t.match(await alone.stateDocument(), { status: "created" }, "who is in no pod goes on");
    await apart.stop();
  },
);

shimCase(
  "delete for one container of a pod leaves the others alone while their shim lives",
  async (t, lab) => {
    const [one, other] = [lab.container(sleepingInPod), lab.container(sleepingInPod)];
    const shim = await Shim.start(lab, one);
    await shim.create();
    await shim.create({ id: other.id, bundle: other.bundle });
    shim.deleteAfter();
    t.equal((await one.state()).code, 1);
    t.match(await other.stateDocument(), { status: "created" });
    await shim.client.call("Kill", { id: other.id, signal: 9 });
    await shim.client.call("Wait", { id: other.id });
    await shim.client.call("Delete", { id: other.id });
    await shim.stop();
  },
);
