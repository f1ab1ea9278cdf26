// Commands without /proc, or with that of a pid namespace in which the container is not: a process that they
// do not find there has not ended.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { needsProgram } from "../support/program.ts";

const UNSHARE = needsProgram("unshare", "util-linux");

const WITHOUT = 'umount -l /proc && exec "$@"';

/** What the sentence calls it, the words before a command, and what tsrun says. */
const PLACES: readonly (readonly [string, readonly string[], RegExp])[] = [
  [
    "without /proc",
    ["unshare", "--mount", "--propagation", "private", "sh", "-c", WITHOUT, "sh"],
    /cannot use \/proc: tsrun, process \d+, is not there/,
  ],
  [
    "with the /proc of a pid namespace that does not have the container",
    "unshare --pid --fork --mount-proc unshare --pid --fork --kill-child".split(" "),
    /cannot use \/proc: tsrun, process 1, is process \d+ there/,
  ],
];

async function running(lab: Lab, globals: readonly string[] = []): Promise<Container> {
  const box = lab.container(Container.script("exec sleep 1000"));
  mustSucceed(await box.run({ flags: ["--detach"], globals }));
  await box.waitForProgram("sleep");
  return box;
}

for (const [place, wrapper, words] of PLACES) {
  for (const command of ["state", "kill", "delete", "delete --force", "exec", "update"]) {
    behaviour(
      `${place}, ${command} does not take a running container for a stopped one`,
      async (t, lab) => {
        const box = await running(lab);
        const [name = "", ...flags] = command.split(" ");
        const after = { kill: ["KILL"], exec: ["true"] }[name] ?? [];
        const result = await lab.invoke([name, ...flags, box.id, ...after], { wrapper });
        refused(t, result, words, name === "exec" ? 255 : 1);
        t.equal((await box.stateDocument()).status, "running", "it runs on, and is remembered");
      },
      UNSHARE,
      tsrunOnly("with the other /proc both call it stopped; without any runc goes on, and crun refuses"),
    );
  }

  behaviour(
    `${place}, list fails, and names the containers that it cannot tell the status of`,
    async (t, lab) => {
      const box = await running(lab);
      const { code, stdout, stderr } = await lab.invoke(["list"], { wrapper });
      t.notMatch(stdout, /stopped/);
      t.equal(code, 1);
      t.match(stderr, new RegExp(`cannot list container "${box.id}": ${words.source}`));
    },
    UNSHARE,
    tsrunOnly("with the other /proc both call it stopped; without any runc lists it, and crun refuses"),
  );

  behaviour(
    `${place}, delete does not forget a running container that has no cgroup`,
    async (t, lab) => {
      const globals = ["--cgroup-manager", "disabled"];
      const box = await running(lab, globals);
      const result = await box.delete({ wrapper, globals });
      t.not(result.code, 0);
      t.equal((await box.stateDocument()).status, "running");
      mustSucceed(await box.kill("KILL"));
      await box.waitForStatus("stopped");
      mustSucceed(await box.delete());
      await nothingLeft(t, lab, "after delete");
    },
    UNSHARE,
    tsrunOnly("runc has no such flag; with the other /proc, crun 1.28 forgets it"),
  );

  behaviour(
    `${place}, delete --force does not forget a running container whose state is damaged`,
    async (t, lab) => {
      const box = await running(lab);
      const file = join(lab.stateRoot, box.id, "state.json");
      const state = readFileSync(file);
      writeFileSync(file, "");
      refused(t, await box.delete({ wrapper, flags: ["--force"] }), words);
      writeFileSync(file, state);
      t.equal((await box.stateDocument()).status, "running", "it runs on, and is remembered");
    },
    UNSHARE,
    tsrunOnly("runc and crun cannot end one with a damaged state"),
  );
}
