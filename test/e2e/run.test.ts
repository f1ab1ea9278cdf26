// run: create, start and delete in one call, in the foreground with the program's exit status, or detached.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, notOfCrunBefore, refused } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { signalProcess } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import type { Result } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

behaviour("run ends with the program's exit status and leaves nothing", async (t, lab) => {
  for (const status of [0, 1, 7, 255]) {
    const box = lab.container(Container.script(`echo out; echo err >&2; exit ${status}`));
    const result = await box.run();
    t.strictSame([result.code, result.stdout, result.stderr], [status, "out\n", "err\n"]);
    await nothingLeft(t, lab, "after run");
  }
});

behaviour("run ends with 128 plus the signal that ended the program", async (t, lab) => {
  const box = lab.container((config) => {
    config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "pid");
    config.process.args = ["/bin/sh", "-c", "kill -TERM $$"];
  });
  t.equal((await box.run()).code, 143);
  await nothingLeft(t, lab, "after run");
});

behaviour("run --no-subreaper has the same end", async (t, lab) => {
  const box = lab.container(Container.script("sleep 1000 & exit 5"));
  t.equal((await box.run({ flags: ["--no-subreaper"] })).code, 5);
  await nothingLeft(t, lab, "after run");
});

behaviour("run passes stdin on until its end", async (t, lab) => {
  const stdin = join(lab.folder, "input");
  const text = "line\n".repeat(50_000);
  writeFileSync(stdin, text);
  const box = lab.container(Container.script("cat"));
  const result = await box.run({ stdin });
  t.equal(result.stdout, text);
  t.equal(result.code, 0);
});

/** Runs a program that sets these traps, and sends the signals to the runtime once it has. */
async function signalled(lab: Lab, traps: string, signals: readonly NodeJS.Signals[]): Promise<Result> {
  const box = lab.container(Container.script(`${traps}; touch /tmp/up; while :; do sleep 1000 & wait; done`));
  let pid = 0;
  const running = box.run({
    onSpawn: (spawned) => {
      pid = spawned;
    },
  });
  await until("the traps to be set", () => existsSync(join(box.rootfs, "tmp/up")));
  for (const signal of signals) signalProcess(pid, signal);
  return running;
}

behaviour("run passes a signal on to the program", async (t, lab) => {
  const result = await signalled(lab, "trap 'echo got; exit 9' TERM", ["SIGTERM"]);
  t.strictSame([result.code, result.stdout], [9, "got\n"]);
  await nothingLeft(t, lab, "after run");
});

behaviour("run passes on the signal of a closed pipe that somebody sends", async (t, lab) => {
  const traps = "trap 'echo pipe' PIPE; trap 'echo got; exit 9' TERM";
  const result = await signalled(lab, traps, ["SIGPIPE", "SIGTERM"]);
  t.strictSame([result.code, result.stdout], [9, "pipe\ngot\n"]);
  await nothingLeft(t, lab, "after run");
});

behaviour("run --detach returns when the program runs", async (t, lab) => {
  const box = lab.container(Container.script("echo up; exec sleep 1000"));
  const pidFile = join(lab.folder, "pid");
  const result = await box.run({ flags: ["--detach", "--pid-file", pidFile] });
  t.strictSame([result.code, result.stderr], [0, ""]);
  const state = await box.stateDocument();
  t.equal(state.status, "running");
  t.equal(readFileSync(pidFile, "utf8"), String(state.pid));
  mustSucceed(await box.delete({ flags: ["-f"] }));
  await nothingLeft(t, lab, "after delete");
});

behaviour(
  "run --keep leaves a stopped container",
  async (t, lab) => {
    const box = lab.container(Container.script("exit 3"));
    t.equal((await box.run({ flags: ["--keep"] })).code, 3);
    t.equal((await box.stateDocument()).status, "stopped");
    mustSucceed(await box.delete());
    await nothingLeft(t, lab, "after delete");
  },
  notOfCrunBefore("1.28", "has no such flag"),
);

behaviour("run shows a container in state while it lasts", async (t, lab) => {
  const box = lab.container(Container.script("exec sleep 1000"));
  const running = box.run();
  await until("the container to be there", async () => (await box.state()).code === 0);
  const { pid } = await box.waitForStatus("running");
  // Killed before it, the first process would have been none of the program's, and run would say so.
  await until("the program to run", () => readFileSync(`/proc/${pid}/cmdline`, "utf8").startsWith("sleep"));
  mustSucceed(await box.kill("KILL"));
  t.equal((await running).code, 137);
  await nothingLeft(t, lab, "after run");
});

behaviour("run refuses an id that is taken and leaves its container alone", async (t, lab) => {
  const box = lab.container(Container.script("exec sleep 1000"));
  mustSucceed(await box.run({ flags: ["-d"] }));
  refused(
    t,
    await lab.invoke(["run", "--bundle", box.bundle, box.id]),
    /container with given ID already exists/,
  );
  t.equal((await box.stateDocument()).status, "running");
});

behaviour("run of a program that does not exist fails with 1 and leaves nothing", async (t, lab) => {
  const box = lab.container((config) => {
    config.process.args = ["/no/such/program"];
  });
  refused(
    t,
    await box.run(),
    /exec: "\/no\/such\/program": stat \/no\/such\/program: no such file or directory/,
  );
  await nothingLeft(t, lab, "after the failure");
});
