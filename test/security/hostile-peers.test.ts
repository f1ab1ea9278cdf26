// Containers that attack the process that `exec` adds: they kill it, or end while it arrives. Every command
// must end, and the container must be removable. `make siege` tries the same and more, a thousand times.

import { behaviour, nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import { type Config, mapIds } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { until } from "../support/wait.ts";

const TRIES = 15;
const LIMIT_MS = 20_000;
/** How long to try until an attack of the container's meets a process. */
const MEETING_MS = 120_000;
/** tsrun checks a stopped process twice, after 5 s and 10 s. */
const PATIENT_MS = 30_000;

/** Additional namespaces of the container. */
const KINDS: readonly [string, (config: Config) => void][] = [
  ["a container", () => {}],
  ["a container with a cgroup namespace", ({ linux }) => void linux.namespaces.push({ type: "cgroup" })],
  ["a container with a user namespace", (config) => mapIds(config, 100_000, 65_536)],
];

function hostile(lab: Lab, script: string, edit: (config: Config) => void): Container {
  return lab.container((config) => {
    Container.script(script)(config);
    edit(config);
  });
}

for (const [kind, edit] of KINDS) {
  behaviour(`every exec into ${kind} that kills all it sees ends`, async (t, lab) => {
    const box = hostile(lab, "while :; do kill -9 -1; done 2>/dev/null", edit);
    mustSucceed(await box.run({ flags: ["--detach"] }));
    for (let tried = 0; tried < TRIES; tried += 1) {
      await lab.invoke(["exec", box.id, "true"], { timeoutMs: LIMIT_MS });
    }
    t.equal((await box.stateDocument()).status, "running");
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete --force");
  });

  behaviour(`every exec into ${kind} that ends when somebody comes ends`, async (t, lab) => {
    const look = "while :; do set -- /proc/[0-9]*; [ $# -gt 1 ] && exit; done";
    for (let tried = 0; tried < TRIES; tried += 1) {
      const box = hostile(lab, look, edit);
      mustSucceed(await box.run({ flags: ["--detach"] }));
      // The container does not see a process that ends before it looks.
      const isOver = async () => {
        await lab.invoke(["exec", box.id, "true"], { timeoutMs: LIMIT_MS });
        return (await box.stateDocument()).status === "stopped";
      };
      await until("the container to end", isOver, MEETING_MS);
      t.equal((await box.delete()).code, 0);
    }
    await nothingLeft(t, lab, "after delete");
  });
}

behaviour(
  "exec into a container that stops all it sees gives up",
  async (t, lab) => {
    const box = hostile(lab, "while :; do kill -STOP -1; done 2>/dev/null", () => {});
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const attempt = async () => {
      const result = await lab.invoke(["exec", "--detach", box.id, "true"], { timeoutMs: PATIENT_MS });
      return result.code === 0 ? undefined : result;
    };
    const held = await until("a process to be stopped before it is the program", attempt, MEETING_MS);
    refused(t, held, /a signal or a tracer inside the container holds the process that does it/, 255);
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete --force");
  },
  tsrunOnly("it waits for as long as the container likes"),
);
