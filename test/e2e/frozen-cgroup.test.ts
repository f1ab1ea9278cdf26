// A container below a frozen cgroup: its first process would never run. The wait for it ends, with the name
// of that cgroup, and nothing is left there.

import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import type { Test } from "tap";
import { behaviour, notOfCrun, notOfRunc, refused } from "../support/behaviour.ts";
import { cgroupFolders, needsFreezer, needsUnified, unifiedFolder } from "../support/cgroup.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import { mapIds } from "../support/config.ts";
import type { CallOptions, Container } from "../support/container.ts";
import { controllerHierarchy } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import type { Result } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

/** Makes a cgroup of this name and freezes it; returns its directory. */
function freeze(lab: Lab, name: string, version: 1 | 2): string {
  const freezer = controllerHierarchy("freezer")?.mountpoint;
  const folder = version === 2 ? unifiedFolder(name) : `${freezer}/${name}`;
  const [file, frozen, thawed] =
    version === 2 ? ["cgroup.freeze", "1", "0"] : ["freezer.state", "FROZEN", "THAWED"];
  mkdirSync(folder);
  writeFileSync(`${folder}/${file}`, frozen);
  lab.atClose(() => {
    writeFileSync(`${folder}/${file}`, thawed);
    for (const one of cgroupFolders(`/${name}`)) rmdirSync(one);
  });
  return folder;
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
    `below a frozen cgroup of v${version} no container is made, and the cgroup is named`,
    async (t, lab) => {
      await Promise.all([
        deletedMeanwhile(t, lab, version),
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
