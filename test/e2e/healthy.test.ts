// Healthy containers, each taken through its life: created, running, with an exec, paused, stopped. In none
// of these states may `why`, `diff`, `gc`, `why --stuck` or `check` say that anything is wrong.

import t, { type Test } from "tap";
import { behaviour, tsrunOnly } from "../support/behaviour.ts";
import { needsFreezer } from "../support/cgroup.ts";
import type { Config } from "../support/config.ts";
import { type CallOptions, type Container, mustSucceed } from "../support/container.ts";
import { DOCKER } from "../support/healthy/docker.ts";
import type { Healthy } from "../support/healthy/healthy.ts";
import { KUBERNETES } from "../support/healthy/kubernetes.ts";
import { PODMAN, ROOTLESS } from "../support/healthy/podman.ts";
import { SUITES } from "../support/healthy/suites.ts";
import { findProgram } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { asUser, needsOwnSystemd, userContainer } from "../support/user.ts";
import { until } from "../support/wait.ts";

t.setTimeout(600_000);

const HEALTHY = [...SUITES, ...DOCKER, ...KUBERNETES, ...PODMAN, ...ROOTLESS];

t.test("there are forty of them, and no two with the same name", async (t) => {
  t.ok(HEALTHY.length >= 40, `${HEALTHY.length}`);
  t.equal(new Set(HEALTHY.map(({ name }) => name)).size, HEALTHY.length);
});

function sleeps(config: Config): void {
  config.process.args = ["/bin/sleep", "1000"];
}

/** The first process of a container that runs, for those that join its namespaces. */
async function neighbour(lab: Lab): Promise<number> {
  const box = lab.container(sleeps);
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  return (await box.stateDocument()).pid;
}

async function make(lab: Lab, { edit, joins, rootless }: Healthy): Promise<Container> {
  const other = joins === true ? await neighbour(lab) : 0;
  const box = rootless === true ? userContainer(lab, sleeps) : lab.container(sleeps);
  edit(box.config, { folder: lab.folder, rootfs: box.rootfs, other });
  box.writeConfig();
  return box;
}

type State = "created" | "running" | "running, with an exec" | "paused" | "stopped";

/** What each command says of a container in this state when nothing is wrong. */
const ASKED: readonly {
  readonly words: (box: Container) => string[];
  readonly said: object;
  /** Two of them look at all processes, which takes longest. */
  readonly in: readonly State[];
}[] = [
  {
    words: ({ id }) => ["why", "--json", id],
    said: { wrong: false },
    in: ["created", "running", "running, with an exec", "paused", "stopped"],
  },
  {
    words: ({ id }) => ["diff", "--json", id],
    said: { differs: false, differences: [] },
    in: ["created", "running", "running, with an exec", "paused"],
  },
  { words: () => ["gc", "--json"], said: { garbage: [] }, in: ["created", "stopped"] },
  // It lists a container that is paused.
  { words: () => ["why", "--stuck", "--json"], said: { reports: [] }, in: ["created", "running"] },
  {
    words: ({ bundle }) => ["check", "--json", bundle],
    said: { passes: true, lacking: [] },
    in: ["running"],
  },
];

async function nothingIsWrong(t: Test, box: Container, state: State, options: CallOptions): Promise<void> {
  const { globals = [], ...caller } = options;
  const asked = ASKED.filter((one) => one.in.includes(state));
  await Promise.all(
    asked.map(async ({ words, said }) => {
      const line = words(box);
      const { code, stdout, stderr } = await box.lab.invoke([...globals, ...line], caller);
      const which = `${line.join(" ")}, when it is ${state}: ${stderr}`;
      t.equal(code, 0, which);
      t.match(stdout === "" ? {} : JSON.parse(stdout), said, which);
    }),
  );
}

for (const one of HEALTHY) {
  const { name, rootless = false, globals = [], conditions = [] } = one;
  behaviour(
    `nothing is wrong: ${name}`,
    async (t, lab) => {
      const box = await make(lab, one);
      const options = rootless ? { globals, wrapper: asUser(lab) } : { globals };
      const invoke = async (...words: string[]) =>
        mustSucceed(await lab.invoke([...globals, ...words], rootless ? { wrapper: asUser(lab) } : {}));
      mustSucceed(await box.create(options));
      await nothingIsWrong(t, box, "created", options);
      await invoke("start", box.id);
      await nothingIsWrong(t, box, "running", options);
      await invoke("exec", "--detach", box.id, "/bin/sleep", "1000");
      await nothingIsWrong(t, box, "running, with an exec", options);
      if (!rootless && globals.length === 0 && needsFreezer() === undefined) {
        await invoke("pause", box.id);
        await nothingIsWrong(t, box, "paused", options);
        await invoke("resume", box.id);
      }
      await invoke("kill", "--all", box.id, "KILL");
      await until(`${box.id} to be stopped`, async () => {
        const { stdout } = await invoke("state", box.id);
        return (JSON.parse(stdout) as { status: string }).status === "stopped" ? true : undefined;
      });
      await nothingIsWrong(t, box, "stopped", options);
      await invoke("delete", box.id);
    },
    ...conditions,
    rootless && findProgram("setpriv") === undefined ? "needs setpriv" : undefined,
    rootless ? needsOwnSystemd : undefined,
    tsrunOnly("has no why, diff, gc and check"),
  );
}
