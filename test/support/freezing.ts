// Cgroups of a test that can be frozen.

import { mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { cgroupFolders, unifiedFolder } from "./cgroup.ts";
import { controllerHierarchy } from "./host.ts";
import type { Lab } from "./lab.ts";

/** Makes a cgroup of this name, and returns functions to freeze and to thaw it. */
export function makeCgroup(lab: Lab, name: string, version: 1 | 2) {
  const freezer = controllerHierarchy("freezer")?.mountpoint;
  const folder = version === 2 ? unifiedFolder(name) : `${freezer}/${name}`;
  const [file, frozen, thawed] =
    version === 2 ? ["cgroup.freeze", "1", "0"] : ["freezer.state", "FROZEN", "THAWED"];
  mkdirSync(folder);
  const thaw = (): void => writeFileSync(`${folder}/${file}`, thawed);
  lab.atClose(() => {
    thaw();
    for (const one of cgroupFolders(`/${name}`)) rmdirSync(one);
  });
  return { folder, thaw, freeze: () => writeFileSync(`${folder}/${file}`, frozen) };
}
