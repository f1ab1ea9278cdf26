// Random configurations, as those of `make diff-runc`: nothing may be wrong with what they make. A list of
// what engines ask for is in healthy.test.ts. `make diff-runc` asks the same of each of its containers.

import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { draftOf, PROBE, SOURCES } from "../diff-runc/draft.ts";
import { LINUX } from "../diff-runc/parts-linux.ts";
import { MOUNTS, ROOT } from "../diff-runc/parts-mounts.ts";
import { PROCESS } from "../diff-runc/parts-process.ts";
import { behaviour, tsrunOnly } from "../support/behaviour.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import { needsCompiler } from "../support/compile.ts";
import type { Config } from "../support/config.ts";
import { type Container, mustSucceed } from "../support/container.ts";
import { findProgram } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { randomFrom } from "../support/random.ts";
import { runtimePath } from "../support/runtime.ts";
import { asUser, needsOwnSystemd, rootless, userContainer } from "../support/user.ts";

t.setTimeout(600_000);

const ONLY = tsrunOnly("has no why, diff and check");
const SEED = 18;
const TRIALS = 20;
/** Some drafts cannot be made by anybody. */
const FEWEST = 10;

behaviour(
  `nothing is wrong with what ${TRIALS} random configurations make, created, running and used`,
  async (t) => {
    const flags = ["--alone", "--trials", `${TRIALS}`, "--seed", `${SEED}`, "--tsrun", runtimePath];
    const { stdout, stderr } = spawnSync(process.execPath, ["build/test/diff-runc/main.js", ...flags], {
      encoding: "utf8",
    });
    const [, made = "0", alarms] = /, (\d+) containers made by tsrun, (\d+) with/.exec(stdout) ?? [];
    t.equal(alarms, "0", `${stdout}${stderr}`);
    t.ok(Number(made) >= FEWEST, `${made} were made`);
  },
  ONLY,
  systemdDriver ? "it has cgroups of its own, which systemd does not know" : undefined,
  needsCompiler,
);

/** What an ordinary user may ask for, of a random configuration. */
function ofUser(config: Config, lab: Lab): Config {
  rootless(config);
  config.process.args = ["/bin/sleep", "1000"];
  config.mounts = config.mounts.filter(({ destination }) => destination !== "/out");
  delete config.hooks;
  delete config.linux.resources;
  delete config.linux.timeOffsets;
  config.root.path = "rootfs";
  const text = JSON.stringify(config).replaceAll(SOURCES, join(lab.folder, "sources"));
  return JSON.parse(text.replaceAll(PROBE, "/bin/true")) as Config;
}

/** The sources of mounts that parts-mounts.ts names. */
function makeSources(lab: Lab): void {
  const sources = join(lab.folder, "sources");
  for (const path of ["dir/sub", "link-dir", "mounted/below", "readonly", "private/dir"])
    mkdirSync(join(sources, path), { recursive: true });
  for (const path of ["file", "link-file", "mounted/file", "private/file"])
    writeFileSync(join(sources, path), path);
}

async function randomBox(lab: Lab, index: number): Promise<Container | undefined> {
  const random = randomFrom(SEED + index);
  const topics = [MOUNTS, MOUNTS, LINUX, PROCESS, ROOT];
  const makers = Array.from({ length: 2 + random(4) }, () => topics[random(topics.length)] ?? ROOT);
  const parts = makers.flatMap((topic) => topic[random(topic.length)]?.(random) ?? []);
  const box = userContainer(lab, () => {});
  Object.assign(box.config, ofUser({ ...draftOf(parts).config, hostname: "box" }, lab));
  box.writeConfig();
  const { code } = await box.create({ wrapper: asUser(lab) });
  return code === 0 ? box : undefined;
}

const ASKED: readonly ((box: Container) => [words: string[], said: object])[] = [
  ({ id }) => [["why", "--json", id], { wrong: false }],
  ({ id }) => [["diff", "--json", id], { differs: false, differences: [] }],
  ({ bundle }) => [["check", "--json", bundle], { passes: true, lacking: [] }],
];

/** An ordinary user cannot make most of them. */
const MOST = 80;

behaviour(
  `nothing is wrong with ${FEWEST} containers of an ordinary user's random configurations`,
  async (t, lab) => {
    makeSources(lab);
    const wrapper = asUser(lab);
    let made = 0;
    for (let index = 0; index < MOST && made < FEWEST; index++) {
      const box = await randomBox(lab, index);
      if (box === undefined) continue;
      made++;
      for (const command of [undefined, "start"]) {
        if (command !== undefined) mustSucceed(await lab.invoke([command, box.id], { wrapper }));
        for (const of of ASKED) {
          const [words, said] = of(box);
          const { code, stdout, stderr } = await lab.invoke(words, { wrapper });
          const which = `${words[0]}, ${command ?? "create"}: ${stderr}${JSON.stringify(box.config)}`;
          t.equal(code, 0, which);
          t.match(stdout === "" ? {} : JSON.parse(stdout), said, which);
        }
      }
      mustSucceed(await box.delete({ flags: ["--force"], wrapper }));
    }
    t.equal(made, FEWEST);
  },
  ONLY,
  findProgram("setpriv") === undefined ? "needs setpriv" : undefined,
  needsOwnSystemd,
);
