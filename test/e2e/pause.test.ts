// Pausing and resuming: every process stops, nothing is lost, and only what makes sense is allowed.

import { rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, needsController, notOfCrun, refused, tsrunOnly } from "../support/behaviour.ts";
import { cgroupFolders, needsFreezer } from "../support/cgroup.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { controllerHierarchy } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { until } from "../support/wait.ts";

async function running(lab: Lab, script = "sleep 1000"): Promise<Container> {
  const box = lab.container(Container.script(script));
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  return box;
}

behaviour(
  "a paused container does nothing until it is resumed",
  async (t, lab) => {
    const box = await running(lab, "i=0; while :; do i=$((i+1)); echo $i; usleep 1000; done");
    await until("output", () => box.output() !== "");
    mustSucceed(await lab.invoke(["pause", box.id]));
    t.equal((await box.stateDocument()).status, "paused");
    const before = box.output();
    await until("time to pass", async () => (await box.state()).code === 0);
    t.equal(box.output(), before, "no line more");
    mustSucceed(await lab.invoke(["resume", box.id]));
    t.equal((await box.stateDocument()).status, "running");
    await until("output again", () => box.output() !== before);
  },
  needsFreezer(),
);

behaviour(
  "a container that gets the processor for a moment each second can be paused",
  async (t, lab) => {
    const box = lab.container((config) => {
      Container.script("while :; do :; done")(config);
      // With less, the program of an emulated machine owes more time than pause waits.
      config.linux.resources = { cpu: { quota: 20_000, period: 1_000_000 } };
    });
    mustSucceed(await box.run({ flags: ["--detach"] }));
    for (let tries = 0; tries < 3; tries += 1) {
      mustSucceed(await lab.invoke(["pause", box.id]));
      t.equal((await box.stateDocument()).status, "paused");
      mustSucceed(await lab.invoke(["resume", box.id]));
    }
  },
  needsFreezer(),
  needsController("cpu"),
  tsrunOnly("runc may give up after a quarter of a second; crun does not wait"),
);

behaviour(
  "a created container can be paused, and is created again afterwards",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create());
    mustSucceed(await lab.invoke(["pause", box.id]));
    t.equal((await box.stateDocument()).status, "paused");
    mustSucceed(await lab.invoke(["resume", box.id]));
    t.equal((await box.stateDocument()).status, "created");
  },
  needsFreezer(),
  notOfCrun('it stays "created" meanwhile'),
);

behaviour(
  "what cannot be paused or resumed is refused with runc's words",
  async (t, lab) => {
    const box = await running(lab);
    refused(t, await lab.invoke(["resume", box.id]), /container not paused/);
    mustSucceed(await lab.invoke(["pause", box.id]));
    refused(t, await lab.invoke(["pause", box.id]), /container not running/);
    mustSucceed(await lab.invoke(["resume", box.id]));
    mustSucceed(await box.kill("KILL"));
    await box.waitForStatus("stopped");
    refused(t, await lab.invoke(["pause", box.id]), /container not running/);
    refused(t, await lab.invoke(["resume", box.id]), /container not paused/);
    refused(t, await lab.invoke(["pause", `${box.id}-nobody`]), /container does not exist/);
  },
  needsFreezer(),
  notOfCrun("it does nothing and succeeds"),
);

behaviour(
  "a paused container can be killed, and deleted by force",
  async (t, lab) => {
    const first = await running(lab);
    mustSucceed(await lab.invoke(["pause", first.id]));
    mustSucceed(await first.kill("KILL"));
    await first.waitForStatus("stopped");
    mustSucceed(await first.delete());
    const second = await running(lab);
    mustSucceed(await lab.invoke(["pause", second.id]));
    refused(t, await second.delete(), /is not stopped: paused/);
    mustSucceed(await second.delete({ flags: ["--force"] }));
    t.match((await second.state()).stderr, /container does not exist/);
  },
  needsFreezer(),
  notOfCrun("it does not thaw what it kills"),
);

behaviour(
  "a container is not paused because the cgroup above its own is frozen",
  async (t, lab) => {
    const parent = `above-${lab.mark}`;
    const box = lab.container(Container.script("sleep 1000"));
    box.config.linux.cgroupsPath = `/${parent}/${box.id}`;
    box.writeConfig();
    const folders = () => cgroupFolders(parent);
    const freezer = (value: { v1: string; v2: string }) => {
      const hierarchy = controllerHierarchy("freezer")?.mountpoint;
      const [file, word] =
        hierarchy === undefined ? ["cgroup.freeze", value.v2] : ["freezer.state", value.v1];
      writeFileSync(join(hierarchy ?? "/sys/fs/cgroup", parent, file), word);
    };
    const thaw = () => freezer({ v1: "THAWED", v2: "0" });
    lab.atClose(() => folders().forEach((folder) => void rmdirSync(folder)));
    mustSucceed(await box.create());
    mustSucceed(await box.start());
    freezer({ v1: "FROZEN", v2: "1" });
    try {
      t.equal((await box.stateDocument()).status, "running");
      mustSucceed(await lab.invoke(["pause", box.id]));
      t.equal((await box.stateDocument()).status, "paused", "unless it is frozen itself");
      mustSucceed(await lab.invoke(["resume", box.id]));
      t.equal((await box.stateDocument()).status, "running");
    } finally {
      thaw();
    }
    mustSucceed(await box.delete({ flags: ["--force"] }));
  },
  needsFreezer(),
  systemdDriver ? "systemd makes the parents" : undefined,
  notOfCrun("to it the container is paused"),
);
