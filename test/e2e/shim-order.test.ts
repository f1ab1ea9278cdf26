// The order in which a shim tells of ends, when several come at once.

import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../support/config.ts";
import { hasEnded } from "../support/host.ts";
import type { Shim } from "../support/shim.ts";
import { processOf, shimCase, shimWith, sleeping } from "../support/shim-cases.ts";
import { until } from "../support/wait.ts";

/** The ids whose ends containerd has been told of, in order. */
const endsOf = ({ containerd }: Shim): unknown[] =>
  containerd.events.filter(({ name }) => name === "TaskExit").map(({ values }) => values.id);

/** Without a pid namespace, a container's first process may end before the others. */
function inHostPids(config: Config): void {
  sleeping(config);
  config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "pid");
}

shimCase("the end of a container comes after those of its execs", async (t, lab) => {
  const shim = await shimWith("running", lab, inHostPids);
  const { client, containerd, box } = shim;
  const { id } = box;
  const ids = ["one", "two", "three"];
  for (const execId of ids) {
    await client.call("Exec", { id, execId, spec: processOf(shim, "sleep 1000") });
    await client.call("Start", { id, execId });
  }
  await client.call("Kill", { id, signal: 9 });
  await client.call("Wait", { id });
  await containerd.waitFor("TaskExit", 4);
  const ends = endsOf(shim);
  t.strictSame([...ends].sort(), [...ids, id].sort());
  t.equal(ends.at(-1), id, "it is the last");
  await shim.stop();
});

shimCase("nor does it come before that of an exec whose start is under way", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { client, containerd, box } = shim;
  const { id } = box;
  await containerd.waitFor("TaskStart");
  const before = containerd.events.length;
  // A start with a terminal waits for the program that takes the output, when the process already runs.
  const [logger, called, ready] = ["logger", "called", "ready"].map((name) => join(lab.folder, name)) as [
    string,
    string,
    string,
  ];
  const script = `touch ${called}; until [ -e ${ready} ]; do sleep 0.05; done; exec 5>&-; cat <&3 >/dev/null`;
  writeFileSync(logger, `#!/bin/sh\n${script}\n`);
  chmodSync(logger, 0o755);
  const spec = processOf(shim, "sleep 1000");
  await client.call("Exec", { id, execId: "late", stdout: `binary://${logger}`, terminal: true, spec });
  const started = client.call("Start", { id, execId: "late" });
  await until("the logger to be called", () => existsSync(called));
  const { pid } = await client.call("State", { id });
  await client.call("Kill", { id, signal: 9 });
  await until("the container to end", () => hasEnded(pid ?? 0));
  await client.call("State", { id });
  t.strictSame(containerd.names().slice(before), ["TaskExecAdded"], "nothing is told yet");
  writeFileSync(ready, "");
  await started;
  await containerd.waitFor("TaskExit", 2);
  t.strictSame(containerd.names().slice(before + 1), ["TaskExecStarted", "TaskExit", "TaskExit"]);
  t.strictSame(endsOf(shim), ["late", id]);
  await shim.stop();
});
