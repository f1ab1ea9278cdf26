// Containers that attack the process that `exec` adds: they kill it, or end while it arrives. Every command
// must end, and the container must be removable. `make siege` tries the same and more, a thousand times.

import { setTimeout as sleep } from "node:timers/promises";
import { behaviour, nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import { type Config, mapIds } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { signalProcess } from "../support/host.ts";
import { killInChildren, needsStrace } from "../support/injection.ts";
import type { Lab } from "../support/lab.ts";
import { until } from "../support/wait.ts";

const TRIES = 15;
const LIMIT_MS = 20_000;
/** How long to try until an attack of the container's meets a process. */
const MEETING_MS = 120_000;
/** tsrun checks a stopped process twice, after 5 s and 10 s. */
const PATIENT_MS = 30_000;

/** What the processes on the way call and the runtime itself does not; tsrun's begin with dup3. */
const EARLY_CALLS = ["dup3", "unshare", "setgroups", "setresuid", "setsid", "pivot_root"];

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

  behaviour(`every exec into ${kind} that somebody on the host kills ends`, async (t, lab) => {
    for (let tried = 0; tried < TRIES; tried += 1) {
      const box = hostile(lab, "exec sleep 1000", edit);
      mustSucceed(await box.run({ flags: ["--detach"] }));
      const { pid } = await box.stateDocument();
      const exec = lab.invoke(["exec", box.id, "sleep", "1000"], { timeoutMs: LIMIT_MS });
      await sleep(2 * tried);
      signalProcess(pid, "SIGKILL");
      t.not((await exec).code, 0);
      mustSucceed(await box.delete({ flags: ["--force"] }));
    }
    await nothingLeft(t, lab, "after delete --force");
  });

  behaviour(
    `run and exec end if their own processes are killed on the way to ${kind}`,
    async (t, lab) => {
      const box = hostile(lab, "exit 7", edit);
      const running = hostile(lab, "exec sleep 1000", edit);
      mustSucceed(await running.run({ flags: ["--detach"] }));
      let killed = 0;
      for (const call of EARLY_CALLS) {
        const make = killInChildren(lab, call);
        const made = await box.run({ wrapper: make.wrapper, timeoutMs: LIMIT_MS });
        t.equal(made.code === 7, !make.happened(), `run, killed at ${call}: ${made.stderr}`);
        mustSucceed(await box.delete({ flags: ["--force"] }));
        const join = killInChildren(lab, call);
        const words = ["exec", running.id, "true"];
        const joined = await lab.invoke(words, { wrapper: join.wrapper, timeoutMs: LIMIT_MS });
        t.equal(joined.code === 0, !join.happened(), `exec, killed at ${call}: ${joined.stderr}`);
        killed += Number(make.happened()) + Number(join.happened());
      }
      t.ok(killed > 3, `${killed} were killed`);
      mustSucceed(await running.delete({ flags: ["--force"] }));
      await nothingLeft(t, lab, "after delete --force");
    },
    needsStrace,
  );
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
