// Removes what a mutant has left in the cgroups to which it was confined.

import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupHierarchies, signalProcess } from "../support/host.ts";
import { until } from "../support/wait.ts";

/** Kills every process in the cgroups of that name, and removes them with all cgroups below. */
export async function removeCgroups(name: string): Promise<void> {
  const roots = cgroupHierarchies().map(({ mountpoint }) => join(mountpoint, name));
  await until(`the cgroups "${name}" to be gone`, () => roots.map(removeTree).every(Boolean), 20_000);
}

/** Whether it is gone. */
function removeTree(path: string): boolean {
  if (!existsSync(path)) return true;
  // A frozen process on v1 cannot even be killed.
  write(path, "freezer.state", "THAWED");
  write(path, "cgroup.freeze", "0");
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(path, entry.name));
  }
  try {
    for (const pid of readFileSync(join(path, "cgroup.procs"), "utf8").split("\n").filter(Boolean)) {
      if (Number(pid) > 1) signalProcess(pid, "SIGKILL");
    }
    rmdirSync(path);
  } catch {
    return false;
  }
  return true;
}

function write(path: string, file: string, value: string): void {
  try {
    if (existsSync(join(path, file))) writeFileSync(join(path, file), value);
  } catch {
    // The directory that contains it is next.
  }
}
