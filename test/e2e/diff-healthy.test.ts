// `diff` says nothing of containers that are as they were asked for: with random limits, after updates, with
// added mounts, a terminal, an ordinary user's. healthy.test.ts has a list of configurations.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { behaviour, needsController, tsrunOnly } from "../support/behaviour.ts";
import { isUnified, needsUnified, onUnified } from "../support/cgroup.ts";
import { type CallOptions, Container, mustSucceed } from "../support/container.ts";
import { diff, told } from "../support/drift.ts";
import { findProgram } from "../support/host.ts";
import { bind, hostDirectory, mounts, needsLiveMounts, running } from "../support/live-mounts.ts";
import { Random, randomResources } from "../support/random-resources.ts";
import { unreadConsole } from "../support/terminal.ts";
import { asUser, needsOwnSystemd, userContainer } from "../support/user.ts";

t.setTimeout(600_000);

const ONLY_TSRUN = tsrunOnly("has no diff command");

async function isHealthy(t: Test, box: Container, when: string, options: CallOptions = {}): Promise<void> {
  const report = await diff(box, options);
  t.strictSame(report.differences, [], `nothing differs ${when}`);
  t.strictSame([report.code, report.differs], [0, false]);
}

const SEED = 18;
const ROUNDS = 12;

behaviour(
  `nothing differs with ${ROUNDS} random sets of limits, nor after ${ROUNDS} random updates`,
  async (t, lab) => {
    const random = new Random(SEED);
    const version = isUnified() ? 2 : 1;
    for (let round = 0; round < ROUNDS; round++) {
      const box = lab.container((config) => {
        config.process.args = ["/bin/sleep", "1000"];
        config.linux.resources = randomResources(random, version);
      });
      const { code } = await box.create();
      if (code !== 0) continue;
      await isHealthy(t, box, JSON.stringify(box.config.linux.resources));
      const stdin = join(lab.folder, "update.json");
      writeFileSync(stdin, JSON.stringify(randomResources(random, version, { update: true })));
      const updated = await lab.invoke(["update", "--resources", "-", box.id], { stdin });
      await isHealthy(
        t,
        box,
        `after ${updated.code === 0 ? "" : "the refused "}${readFileSync(stdin, "utf8")}`,
      );
      await box.delete({ flags: ["--force"] });
    }
  },
  needsController("memory"),
  ONLY_TSRUN,
);

behaviour(
  "nothing differs on cgroup v2 with a program for devices, before and after an update of them",
  async (t, lab) => {
    const box = lab.container(Container.script("sleep 1000"));
    mustSucceed(await box.create(onUnified));
    await isHealthy(t, box, "created", onUnified);
    mustSucceed(await box.start(onUnified));
    await isHealthy(t, box, "running", onUnified);
    const stdin = join(lab.folder, "update.json");
    const devices = [{ allow: true, type: "c", major: 10, minor: 229, access: "rw" }];
    writeFileSync(stdin, JSON.stringify({ devices }));
    mustSucceed(await lab.invoke(["update", "--resources", "-", box.id], { ...onUnified, stdin }));
    await isHealthy(t, box, "updated", onUnified);
    mustSucceed(await box.delete({ ...onUnified, flags: ["--force"] }));
  },
  needsUnified(),
  ONLY_TSRUN,
);

behaviour(
  "nothing differs in a container with a terminal, nor with what mounts add has added",
  async (t, lab) => {
    const source = hostDirectory(lab);
    const box = await running(lab);
    mustSucceed(await mounts("add", box, [bind(source, "/data", "ro"), bind(source, "/more")]));
    await isHealthy(t, box, "with added mounts");
    mustSucceed(await mounts("remove", box, [{ destination: "/data" }]));
    await isHealthy(t, box, "with one of them removed");
    const other = lab.container((config) => {
      config.process.args = ["/bin/sleep", "1000"];
      config.process.terminal = true;
    });
    mustSucceed(await other.create({ flags: ["--console-socket", unreadConsole(lab)] }));
    mustSucceed(await other.start());
    await isHealthy(t, other, "with a terminal");
  },
  needsLiveMounts,
  ONLY_TSRUN,
);

behaviour(
  "nothing differs in an ordinary user's container, neither for the user nor for root",
  async (t, lab) => {
    const box = userContainer(lab, (config) => {
      config.process.args = ["/bin/sleep", "1000"];
      config.process.oomScoreAdj = 0;
    });
    const wrapper = asUser(lab);
    mustSucceed(await box.create({ wrapper }));
    mustSucceed(await box.start({ wrapper }));
    await isHealthy(t, box, "for the user", { wrapper });
    t.strictSame(told(await diff(box)), [], "for root");
  },
  findProgram("setpriv") === undefined ? "needs setpriv" : undefined,
  needsOwnSystemd,
  ONLY_TSRUN,
);
