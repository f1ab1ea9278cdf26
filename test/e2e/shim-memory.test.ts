// A container under tsrun as containerd's shim that runs out of memory.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { needsController } from "../support/behaviour.ts";
import type { Config } from "../support/config.ts";
import { Container } from "../support/container.ts";
import { shimCase, shimWith } from "../support/shim-cases.ts";
import { until } from "../support/wait.ts";

const LIMIT = 16 << 20;
const TIMES = 30;

/** tail keeps an endless line until it exceeds the limit; the shell survives that. */
function oftenOut(config: Config): void {
  const loop = `i=0; while [ $i -lt ${TIMES} ]; do tail /dev/zero; i=$((i+1)); done`;
  Container.script(`until [ -e /go ]; do sleep 0.1; done; ${loop}; touch /done; exec sleep 1000`)(config);
  config.linux.resources = { memory: { limit: LIMIT, swap: LIMIT } };
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
