// A container under tsrun as containerd's shim that runs out of memory.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { needsController } from "../support/behaviour.ts";
import type { Config } from "../support/config.ts";
import { Container } from "../support/container.ts";
import { shimCase, shimWith, sleepingInPod } from "../support/shim-cases.ts";
import { until } from "../support/wait.ts";

const LIMIT = 16 << 20;
const TIMES = 30;
const LIMITED = { memory: { limit: LIMIT, swap: LIMIT } };

/** tail keeps an endless line until it exceeds the limit; the shell survives that. */
function oftenOut(config: Config): void {
  const loop = `i=0; while [ $i -lt ${TIMES} ]; do tail /dev/zero; i=$((i+1)); done`;
  Container.script(`until [ -e /go ]; do sleep 0.1; done; ${loop}; touch /done; exec sleep 1000`)(config);
  config.linux.resources = LIMITED;
}

/** Runs out of memory, and ends by that, when it is told to. */
function onceOut(config: Config): void {
  Container.script("until [ -e /go ]; do sleep 0.1; done; exec tail /dev/zero")(config);
  config.linux.resources = LIMITED;
}

/** Runs out of memory at once, while a hook still holds up its start. */
function outAtOnce(config: Config): void {
  config.process.args = ["tail", "/dev/zero"];
  config.linux.resources = LIMITED;
  config.hooks = { poststart: [{ path: "/bin/sleep", args: ["sleep", "1"] }] };
}

shimCase(
  "however often it does, one event of that waits while containerd is away",
  async (t, lab) => {
    const shim = await shimWith("running", lab, oftenOut);
    const { client, containerd, box } = shim;
    const { id } = box;
    await containerd.waitFor("TaskStart");
    await containerd.close();
    execFileSync("touch", [join(box.rootfs, "go")]);
    await until("the container to have run out of memory", () => existsSync(join(box.rootfs, "done")));
    await client.call("Pause", { id });
    await client.call("Resume", { id });
    execFileSync("rm", ["-f", `${containerd.address}.ttrpc`]);
    await containerd.listen();
    await containerd.waitFor("TaskResumed");
    t.strictSame(containerd.names().slice(2), ["TaskOOM", "TaskPaused", "TaskResumed"]);
    await shim.stop();
  },
  needsController("memory"),
);

shimCase(
  "one that runs out of memory at once is reported as such, after its start and before its end",
  async (t, lab) => {
    const shim = await shimWith("running", lab, outAtOnce);
    const { client, containerd, box } = shim;
    t.equal((await client.call("Wait", { id: box.id })).exitStatus, 128 + 9);
    await containerd.waitFor("TaskExit");
    t.strictSame(containerd.names(), ["TaskCreate", "TaskStart", "TaskOOM", "TaskExit"]);
    await shim.stop();
  },
  needsController("memory"),
);

for (const answers of [true, false]) {
  const when = answers ? "when containerd knows that memory ran out" : "a second later if it does not answer";
  shimCase(
    `whoever waits for the end of one that ran out of memory learns of it ${when}`,
    async (t, lab) => {
      const shim = await shimWith("running", lab, onceOut);
      const { client, containerd, box } = shim;
      await containerd.waitFor("TaskStart");
      containerd.hold();
      let ended = false;
      const end = client.call("Wait", { id: box.id }).then(() => {
        ended = true;
      });
      execFileSync("touch", [join(box.rootfs, "go")]);
      await containerd.waitFor("TaskOOM");
      await new Promise((resume) => setTimeout(resume, 300));
      t.notOk(ended, "not before");
      if (answers) containerd.release();
      await end;
      containerd.release();
      await containerd.waitFor("TaskExit");
      t.strictSame(containerd.names(), ["TaskCreate", "TaskStart", "TaskOOM", "TaskExit"]);
      await shim.stop();
    },
    needsController("memory"),
  );
}

shimCase(
  "nothing that watches a container's memory stays open after its delete",
  async (t, lab) => {
    const shim = await shimWith("running", lab, sleepingInPod);
    const { client } = shim;
    const liveOnce = async () => {
      const { id, bundle } = lab.container(sleepingInPod);
      await shim.create({ id, bundle });
      await client.call("Start", { id });
      await client.call("Kill", { id, signal: 9 });
      await client.call("Wait", { id });
      await client.call("Delete", { id });
    };
    await liveOnce();
    const { descriptors } = shim;
    await liveOnce();
    await until("the descriptors to be closed", () => shim.descriptors <= descriptors, 5_000);
    t.equal(shim.descriptors, descriptors);
    await shim.stop();
  },
  needsController("memory"),
);
