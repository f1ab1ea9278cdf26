// Pausing and resuming: every process stops, nothing is lost, and only what makes sense is allowed.

import { behaviour, refused } from "../support/behaviour.ts";
import { needsFreezer } from "../support/cgroup.ts";
import { Container, mustSucceed } from "../support/container.ts";
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
);
