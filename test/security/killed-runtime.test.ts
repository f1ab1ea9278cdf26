// A runtime that is killed at any instant of `create` must leave something that `delete --force` removes
// completely. Callers do this: their timeouts end the runtime with SIGKILL.

import { mkdirSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, notOfCrun, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { signalProcess } from "../support/host.ts";
import { injectEach, needsStrace } from "../support/injection.ts";
import type { Lab } from "../support/lab.ts";

const ROUNDS = 40;

function sleeper(lab: Lab): Container {
  return lab.container((config) => {
    Container.script("exec sleep 1000")(config);
    config.linux.resources = { memory: { limit: 64 << 20 }, pids: { limit: 50 } };
  });
}

/** How long an undisturbed create takes, so that the kills are spread over all of it. */
async function createMs(box: Container): Promise<number> {
  const before = performance.now();
  mustSucceed(await box.create());
  const spent = performance.now() - before;
  mustSucceed(await box.delete({ flags: ["--force"] }));
  return spent;
}

/** Kills the call after some time; here the moment itself is what is tested. */
async function killAfter(box: Container, ms: number): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const result = await box.create({
    onSpawn: (pid) => {
      timer = setTimeout(() => signalProcess(pid, "SIGKILL"), ms);
    },
  });
  // If it was faster this time, another process may soon have its pid.
  clearTimeout(timer);
  return result.code;
}

behaviour(
  "create killed at any instant leaves nothing that delete --force does not remove",
  async (t, lab) => {
    const box = sleeper(lab);
    let whole = await createMs(box);
    let killed = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const code = await killAfter(box, (whole * (round + 0.5)) / ROUNDS);
      if (code === 137) killed += 1;
      // The machine is less busy than it was.
      else whole *= 0.8;
      const deleted = await box.delete({ flags: ["--force"] });
      t.strictSame([deleted.code, deleted.stderr], [0, ""]);
      t.strictSame(await lab.leftovers(), [], `killed after ${round} of ${ROUNDS} parts`);
    }
    t.ok(killed > ROUNDS / 4, `${killed} of ${ROUNDS} were killed`);
    mustSucceed(await box.create());
    mustSucceed(await box.delete());
  },
  tsrunOnly("a kill before it has saved its state leaves cgroups"),
);

behaviour("delete --force of a container whose process is stopped by a signal removes it", async (t, lab) => {
  const box = sleeper(lab);
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  mustSucceed(await box.kill("STOP"));
  mustSucceed(await box.delete({ flags: ["--force"] }));
  await nothingLeft(t, lab, "after delete --force");
});

behaviour(
  "killing the runtime in the foreground ends neither the container nor its record",
  async (t, lab) => {
    const box = sleeper(lab);
    let pid = 0;
    const running = box.run({
      onSpawn: (spawned) => {
        pid = spawned;
      },
    });
    await box.waitForStatus("running");
    signalProcess(pid, "SIGKILL");
    await running;
    t.equal((await box.state()).code, 0);
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete --force");
  },
);

/** The calls that create, rename or remove a file. */
const NAMING = [
  ["create", "linkat"],
  ["create", "symlinkat"],
  ["create", "renameat2"],
  ["create", "unlinkat"],
  ["exec", "linkat"],
  ["exec", "renameat2"],
] as const;

for (const before of ["none", "one"] as const) {
  behaviour(
    `create and exec killed around the pid file leave nothing beside it, where there is ${before}`,
    async (t, lab) => {
      const box = sleeper(lab);
      const folder = join(lab.folder, "pids");
      const pidFile = join(folder, "pid");
      mkdirSync(folder);
      const check = (when: string): void => {
        const beside = readdirSync(folder).filter((name) => name !== "pid");
        t.strictSame(beside, [], `nothing beside the pid file, ${when}`);
        const [there] = readdirSync(folder);
        if (there !== undefined) t.match(readFileSync(pidFile, "utf8"), /^(old|\d+)$/, when);
      };
      let killed = 0;
      for (const [command, call] of NAMING) {
        killed += await injectEach(lab, { call, fault: "signal=KILL" }, async ({ wrapper }, nth) => {
          writeFileSync(pidFile, "old");
          if (before === "none") unlinkSync(pidFile);
          const flags = ["--pid-file", pidFile];
          if (command === "create") {
            await box.create({ flags, wrapper });
          } else {
            mustSucceed(await box.run({ flags: ["--detach"] }));
            await lab.invoke(["exec", ...flags, box.id, "/bin/true"], { wrapper });
          }
          mustSucceed(await box.delete({ flags: ["--force"] }));
          check(`${command} was killed at ${call} ${nth}`);
        });
      }
      t.ok(killed > 3, `${killed} were killed`);
      await nothingLeft(t, lab, "after all");
    },
    needsStrace,
    tsrunOnly("it leaves a temporary file beside the pid file"),
  );
}

behaviour(
  "a create that is killed takes nobody along whose cgroup it was to have",
  async (t, lab) => {
    const box = sleeper(lab);
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const other = sleeper(lab);
    other.config.linux.cgroupsPath = box.config.linux.cgroupsPath ?? "";
    other.writeConfig();
    const killed = await injectEach(
      lab,
      { call: "openat", fault: "signal=KILL" },
      async ({ wrapper }, nth) => {
        await other.create({ wrapper });
        mustSucceed(await other.delete({ flags: ["--force"] }));
        t.equal((await box.stateDocument()).status, "running", `killed at call ${nth}`);
      },
    );
    t.ok(killed > 10, `${killed} calls`);
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete --force");
  },
  needsStrace,
  notOfCrun("it shares a cgroup, and delete kills all that is in it"),
);
