// Finds out why a cgroup of v2 has no file for a limit: one above it has processes, and so may not give the
// controller to those below it (cgroup-v2.rst, "No Internal Process Constraint").

import { readWords } from "../cgroups/writer.ts";
import { readTextIfThere } from "../linux/files/files.ts";
import { statusField } from "../linux/process/proc-text.ts";
import { parentOf } from "../rootfs/plan/paths.ts";
import { type Cause, named } from "./cause.ts";

/** How many of the processes are named. */
const MOST = 3;

export function whyNoController(directory: string, file: string): Cause | undefined {
  const controller = file.slice(0, file.indexOf("."));
  for (let at = parentOf(directory); at !== "/"; at = parentOf(at)) {
    // Only the root of the hierarchy lacks this file. It may have processes and give controllers.
    if (readTextIfThere(`${at}/cgroup.type`) === undefined) return undefined;
    if (readWords(at, "cgroup.subtree_control").includes(controller)) return undefined;
    if (!readWords(at, "cgroup.controllers").includes(controller)) continue;
    const pids = readWords(at, "cgroup.procs", "\n");
    if (pids.length === 0) return undefined;
    return {
      words:
        `the cgroup ${named(at)} has ${toldOf(pids)}, ` +
        `and so it may not give the ${controller} controller to cgroups below it`,
      next: "move them into a cgroup below it, or choose another linux.cgroupsPath",
    };
  }
  return undefined;
}

/** `process 7 ("sh")`; `processes 7 ("sh"), 8 ("cat")`. */
function toldOf(pids: readonly string[]): string {
  const told = pids.slice(0, MOST).map((pid) => {
    const name = statusField(`\n${readTextIfThere(`/proc/${pid}/status`) ?? ""}`, "Name");
    return `${pid} (${named(name)})`;
  });
  const more = pids.length > MOST ? ` and ${pids.length - MOST} more` : "";
  return `process${pids.length === 1 ? "" : "es"} ${told.join(", ")}${more}`;
}
