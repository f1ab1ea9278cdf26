// Containers below a frozen cgroup, in which no process ever runs. The wait of create, start and exec for one
// ends, with the name of that cgroup, and nothing is left there.

import { readFileSync } from "node:fs";
import type { Test } from "tap";
import { behaviour, notOfCrun, notOfRunc, refused } from "../support/behaviour.ts";
import { cgroupFolders, needsFreezer, needsUnified, unifiedFolder } from "../support/cgroup.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import { type Config, mapIds } from "../support/config.ts";
import { type CallOptions, Container, mustSucceed } from "../support/container.ts";
import { makeCgroup } from "../support/freezing.ts";
import { controllerHierarchy } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import type { Result } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

/** Makes a cgroup of this name and freezes it; returns its directory. */
function freeze(lab: Lab, name: string, version: 1 | 2): string {
  const made = makeCgroup(lab, name, version);
  made.freeze();
  return made.folder;
}

function processesIn(version: 1 | 2, path: string): string[] {
  const folder = version === 2 ? unifiedFolder(path) : `${controllerHierarchy("freezer")?.mountpoint}${path}`;
  return readFileSync(`${folder}/cgroup.procs`, "utf8").trim().split("\n");
}

interface Case {
  readonly version: 1 | 2;
  readonly userNamespace?: boolean;
  /** How many cgroups are between the frozen one and the container's. */
  readonly below: number;
  readonly call: (box: Container, options: CallOptions) => Promise<Result>;
}

const create: Case["call"] = (box, options) => box.create(options);
const run: Case["call"] = (box, options) => box.run(options);

const V1: readonly Case[] = [
  { version: 1, below: 0, call: create },
  { version: 1, below: 1, call: run },
  { version: 1, below: 0, userNamespace: true, call: create },
];
const V2: readonly Case[] = [
  { version: 2, below: 0, call: create },
  { version: 2, below: 1, call: run },
  { version: 2, below: 0, userNamespace: true, call: create },
];

/** A container that waits there to be made, and is deleted. */
async function deletedMeanwhile(t: Test, lab: Lab, version: 1 | 2): Promise<void> {
  const name = `${lab.mark}-deleted`;
  freeze(lab, name, version);
  const box = lab.container((config) => {
    config.linux.cgroupsPath = `/${name}/own`;
  });
  const creating = box.create({ timeoutMs: 60_000 });
  await box.waitForStatus("creating");
  await until("the cgroup to be made", () => cgroupFolders(`/${name}/own`).length > 0);
  const { code, stderr } = await box.delete({ flags: ["--force"], timeoutMs: 60_000 });
  t.strictSame([code, stderr], [0, ""], "delete waits until it is known whose the cgroup is");
  t.equal((await creating).code, 1);
  t.strictSame(cgroupFolders(`/${name}/own`), [], "and leaves none");
}

/** Containers that are there already when the cgroup above them is frozen. */
async function frozenLater(t: Test, lab: Lab, version: 1 | 2): Promise<void> {
  const name = `${lab.mark}-later`;
  const { folder, freeze, thaw } = makeCgroup(lab, name, version);
  const place = (own: string) => (config: Config) => {
    Container.script("exec sleep 1000")(config);
    config.linux.cgroupsPath = `/${name}/${own}`;
  };
  const [running, created] = [lab.container(place("running")), lab.container(place("created"))];
  mustSucceed(await running.run({ flags: ["--detach"] }));
  mustSucceed(await created.create());
  freeze();
  const exec = (...flags: string[]) =>
    lab.invoke(["exec", ...flags, running.id, "true"], { timeoutMs: 60_000 });
  const named = (what: string) => new RegExp(`cannot start ${what} in a frozen cgroup: ."?${folder}"`);
  const [plain, forced, started] = await Promise.all([
    exec(),
    exec("--ignore-paused"),
    created.start({ timeoutMs: 60_000 }),
  ]);
  refused(t, plain, named("a process"), 255);
  refused(t, forced, named("a process"), 255);
  refused(t, started, named("the container"));
  t.match(started.stderr, /its program runs as soon as that is thawed/);
  thaw();
  t.strictSame(
    processesIn(version, `/${name}/running`).length,
    1,
    "no process is left there, and its own lives",
  );
  mustSucceed(await exec());
  await created.waitForProgram("sleep");
  for (const box of [running, created]) mustSucceed(await box.delete({ flags: ["--force"] }));
}

/** Reasons to skip the cases of a version. */
const needs = (version: 1 | 2) =>
  [
    needsFreezer(),
    version === 1 && controllerHierarchy("freezer") === undefined ? "the freezer is not on v1" : undefined,
    version === 2 ? needsUnified() : undefined,
    systemdDriver ? "systemd chooses the cgroups" : undefined,
  ] as const;

for (const [version, cases] of [
  [1, V1],
  [2, V2],
] as const) {
  behaviour(
    `below a frozen cgroup of v${version} no process is made, and the cgroup is named`,
    async (t, lab) => {
      await Promise.all([
        deletedMeanwhile(t, lab, version),
        frozenLater(t, lab, version),
        ...cases.map(async ({ below, call, userNamespace: isMapped }, index) => {
          const name = `${lab.mark}-frozen-${index}`;
          const folder = freeze(lab, name, version);
          const between = "/between".repeat(below);
          const box = lab.container((config) => {
            config.linux.cgroupsPath = `/${name}${between}/own`;
            if (isMapped === true) mapIds(config, 100_000, 65_536);
          });
          const before = Date.now();
          const result = await call(box, { timeoutMs: 60_000 });
          refused(t, result, new RegExp(`cannot start a process in a frozen cgroup: ."?${folder}"`));
          t.ok(Date.now() - before < 40_000, "within 10 s, and some for a busy machine");
          const inside = version === 2 ? "cgroup.freeze" : "freezer.state";
          t.match(readFileSync(`${folder}/${inside}`, "utf8"), /1|FR/, "what is frozen stays so");
          t.equal((await box.state()).code, 1, "there is no container");
          const left = cgroupFolders(`/${name}/${below > 0 ? "between" : "own"}`);
          t.strictSame(left, [], "nothing is below the frozen one");
        }),
      ]);
    },
    ...needs(version),
    notOfRunc("waits for ever"),
    notOfCrun("waits for ever"),
  );
}
