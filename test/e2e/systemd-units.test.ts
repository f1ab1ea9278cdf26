// Whose unit is it? A failed `create` stops a unit that systemd has made for it, and no other one of that
// name. A fake systemd answers, so that the order of things is certain, and no systemd is needed.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import type { Container } from "../support/container.ts";
import { FakeSystemd, type Fate, type Told } from "../support/fake-systemd.ts";
import { signalProcess } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import type { Result } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

const ONLY = tsrunOnly("is not asked here whose units it stops");
const SYSTEMD = ["--systemd-cgroup"];

interface Scene {
  readonly box: Container;
  readonly unit: string;
  readonly systemd: FakeSystemd;
}

async function scene(
  lab: Lab,
  fate: Fate,
  { onBus = false, members = [] }: Partial<Told> = {},
): Promise<Scene> {
  const name = `${lab.mark}-1`;
  const box = lab.container((config) => {
    config.linux.cgroupsPath = `system.slice:e2e:${name}`;
  });
  const unit = `e2e-${name}.scope`;
  const systemd = await FakeSystemd.listen(lab, { fate, onBus, members, cgroup: `/system.slice/${unit}` });
  return { box, unit, systemd };
}

const stops = ({ asked }: FakeSystemd): readonly string[] =>
  asked.filter((one) => one.startsWith("StopUnit"));

/** A create that waits for what systemd says about its unit, and its process. */
async function createUntilAsked(
  box: Container,
  systemd: FakeSystemd,
): Promise<{ readonly pid: number; readonly creating: Promise<Result> }> {
  let pid = 0;
  const creating = box.create({
    globals: SYSTEMD,
    wrapper: systemd.wrapper,
    onSpawn: (spawned) => {
      pid = spawned;
    },
  });
  await until("the call", () => systemd.asked.some((one) => one.startsWith("StartTransientUnit")));
  return { pid, creating };
}

behaviour(
  "a unit that another container has made meanwhile is not stopped when create fails because of it",
  async (t, lab) => {
    const { box, unit, systemd } = await scene(lab, "exists");
    const result = await box.create({ globals: SYSTEMD, wrapper: systemd.wrapper });
    refused(t, result, new RegExp(`unable to start unit "${unit}".*UnitExists`));
    const tries = systemd.asked.filter((one) => /^(StartTransient|ResetFailed)Unit /.test(one));
    const start = `StartTransientUnit ${unit}`;
    t.strictSame(tries, [start, `ResetFailedUnit ${unit}`, start], "it tried once more after a reset");
    t.strictSame(stops(systemd), [], "nothing was stopped");
    await nothingLeft(t, lab, "after create");
  },
  ONLY,
);

for (const onBus of [false, true]) {
  behaviour(
    `a unit that systemd has accepted${onBus ? " through the bus" : ""} is stopped when its job fails`,
    async (t, lab) => {
      const { box, unit, systemd } = await scene(lab, "failed", { onBus });
      const result = await box.create({ globals: SYSTEMD, wrapper: systemd.wrapper });
      refused(t, result, new RegExp(`unable to start unit "${unit}": its job ended with "failed"`));
      t.strictSame(stops(systemd), [`StopUnit ${unit}`]);
      await nothingLeft(t, lab, "after create");
    },
    ONLY,
  );
}

/** Kills the process of the runtime that has loaded libsystemd. */
function killLibraries(runtime: number): void {
  const children = readFileSync(`/proc/${runtime}/task/${runtime}/children`, "utf8").trim().split(" ");
  for (const pid of children) {
    if (readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("tsrun-libraries"))
      signalProcess(pid, "SIGKILL");
  }
}

for (const [whose, members] of [
  ["its own is stopped", []],
  ["one with another process in it is not", [1]],
] as const) {
  behaviour(
    `if the answer about a unit is lost, ${whose}`,
    async (t, lab) => {
      const { box, unit, systemd } = await scene(lab, "silent", { members });
      const { pid, creating } = await createUntilAsked(box, systemd);
      killLibraries(pid);
      refused(t, await creating, /unable to start unit ".*": .* ended unexpectedly by signal 9/);
      t.strictSame(stops(systemd), members.length === 0 ? [`StopUnit ${unit}`] : []);
      await nothingLeft(t, lab, "after create");
    },
    ONLY,
  );
}

behaviour(
  "delete of a container whose create was killed before it had a unit stops no unit of that name",
  async (t, lab) => {
    const { box, systemd } = await scene(lab, "silent");
    const { pid, creating } = await createUntilAsked(box, systemd);
    signalProcess(pid, "SIGKILL");
    t.equal((await creating).code, 137);
    // The process that has loaded libsystemd waits for the answer, for 25 s.
    systemd.hangUp();
    const state = join(lab.stateRoot, box.id, "state.json");
    t.match(JSON.parse(readFileSync(state, "utf8")), { cgroupIsPlanned: true });
    const result = await box.delete({ flags: ["--force"], globals: SYSTEMD, wrapper: systemd.wrapper });
    t.match(result, { code: 0 }, result.stderr);
    t.strictSame(stops(systemd), []);
    t.notOk(existsSync(state));
    await nothingLeft(t, lab, "after delete");
  },
  ONLY,
);
