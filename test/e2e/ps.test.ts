// The processes of a container as `ps` lists them.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, notOfCrun, refused, tsrunOnly } from "../support/behaviour.ts";
import { isUnified, needsUnified, onUnified, unifiedController } from "../support/cgroup.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { findProgram } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { until } from "../support/wait.ts";

const needsPs = findProgram("ps") === undefined ? "needs ps (package procps)" : undefined;

async function running(lab: Lab): Promise<Container> {
  const box = lab.container(Container.script("sleep 1001 & sleep 1002 & wait"));
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  return box;
}

async function pidsOf(lab: Lab, box: Container, options = {}): Promise<number[] | null> {
  const { stdout } = mustSucceed(await lab.invoke(["ps", "--format", "json", box.id], options));
  return JSON.parse(stdout) as number[] | null;
}

behaviour(
  "ps as json lists the host's pids of all processes",
  async (t, lab) => {
    const box = await running(lab);
    const { pid } = await box.stateDocument();
    const pids = await until("three processes", async () => {
      const found = await pidsOf(lab, box);
      return found?.length === 3 ? found : undefined;
    });
    t.ok(pids.includes(pid), "the first one among them");
    const line = (await lab.invoke(["ps", "-f", "json", box.id])).stdout;
    t.match(line, /^\[\d+,\d+,\d+\]\n$/, "in one line");
  },
  notOfCrun("in many lines"),
);

behaviour(
  "ps as a table shows the lines about them, with the options given",
  async (t, lab) => {
    const box = await running(lab);
    await until("three processes", async () => (await pidsOf(lab, box))?.length === 3);
    const plain = mustSucceed(await lab.invoke(["ps", box.id])).stdout;
    t.match(plain, /^UID +PID +PPID +C +STIME +TTY +TIME +CMD\n/);
    t.equal(plain.trimEnd().split("\n").length, 4);
    t.match(plain, /sleep 1001/);
    const chosen = mustSucceed(await lab.invoke(["ps", box.id, "-e", "-o", "pid,args"])).stdout;
    t.match(chosen, /^ *PID COMMAND\n/);
    t.equal(chosen.trimEnd().split("\n").length, 4);
  },
  needsPs,
  notOfCrun("it prints the pids only"),
);

behaviour(
  "a container that has divided its cgroup is listed whole, and can be entered",
  async (t, lab) => {
    const script = `cd /sys/fs/cgroup && mkdir sub && echo 1 >sub/cgroup.procs &&
      echo +${unifiedController()} >cgroup.subtree_control && echo divided; sleep 1000`;
    const box = lab.container(Container.script(script));
    box.config.linux.namespaces.push({ type: "cgroup" });
    box.config.mounts.push({
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: ["rw"],
    });
    box.writeConfig();
    mustSucceed(await box.create(onUnified));
    mustSucceed(await box.start(onUnified));
    await until("the division", () => box.output().includes("divided"));
    t.ok((await pidsOf(lab, box, onUnified))?.includes((await box.stateDocument()).pid));
    const exec = ["exec", box.id, "cat", "/proc/self/cgroup"];
    const { stdout } = mustSucceed(await lab.invoke(exec, onUnified));
    t.match(stdout, /^0::.*\/sub$/m, "beside the first process");
    mustSucceed(await box.delete({ flags: ["--force"], ...onUnified }));
    await nothingLeft(t, lab, "after delete");
  },
  isUnified() ? undefined : needsUnified(),
  unifiedController() === undefined ? "no controller of cgroup v2 is free" : undefined,
);

behaviour(
  "ps of a stopped container lists nothing",
  async (t, lab) => {
    const box = await running(lab);
    mustSucceed(await box.kill("KILL"));
    await box.waitForStatus("stopped");
    t.same(await pidsOf(lab, box), null);
  },
  notOfCrun("an empty list instead of null"),
);

behaviour(
  "what ps cannot do is told in one line",
  async (t, lab) => {
    const box = await running(lab);
    refused(t, await lab.invoke(["ps", "--format", "yaml", box.id]), /invalid format option/);
    refused(t, await lab.invoke(["ps", `${box.id}-nobody`]), /container does not exist/);
    refused(t, await lab.invoke(["ps", box.id, "-e", "-o", "args"]), /couldn't find PID field in ps output/);
    refused(
      t,
      await lab.invoke(["ps", box.id, "--nonsense"]),
      /exit status 1: error: unknown gnu long option/,
    );
  },
  needsPs,
);

behaviour(
  "a ps that prints without end is refused, and one that fails is not told whole",
  async (t, lab) => {
    const box = await running(lab);
    const env = { PATH: `${lab.folder}:${process.env.PATH}` };
    const ps = (script: string) => {
      writeFileSync(join(lab.folder, "ps"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      return lab.invoke(["ps", box.id], { env });
    };
    refused(t, await ps("exec yes"), /cannot use the output of ps: it is longer than 32 MiB/);
    const failed = await ps("echo nothing; yes | head -c 1000000; exit 3");
    refused(t, failed, /exit status 3: nothing/);
    t.ok(failed.stderr.length < 20_000, "only its beginning is told");
  },
  tsrunOnly("keeps all of it, without end"),
);
