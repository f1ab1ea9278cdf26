// `delete --force` of a container whose state.json is damaged. It uses the saved configuration and the cgroup
// that follows from it, and kills the processes in that cgroup. If that does not tell which processes belong
// to the container, its state stays, since nothing else leads to them.

import { readHierarchies, readSystemd } from "../cgroups/host.ts";
import { destroyKilledCgroup, killProcesses, readProcesses } from "../cgroups/members.ts";
import { planCgroup, plannedRecord } from "../cgroups/plan.ts";
import type { CgroupPlan } from "../cgroups/planned.ts";
import { TsrunError } from "../errors.ts";
import { listDirectoryAt } from "../linux/files/directories.ts";
import { readTextIfThere } from "../linux/files/files.ts";
import { SIGKILL } from "../linux/numbers/sched.ts";
import { checkProc } from "../linux/process/own-proc.ts";
import type { Spec } from "../spec/types.ts";
import type { GlobalOptions } from "./options.ts";
import { isRootless } from "./rootless.ts";
import type { StateDirectory } from "./store.ts";

interface Damaged {
  readonly id: string;
  readonly directory: StateDirectory;
  /** Why the state cannot be read. */
  readonly damage: TsrunError;
}

/** Ends and removes the container. Throws, and changes nothing, if its processes cannot be identified. */
export function deleteDamaged(globals: GlobalOptions, damaged: Damaged): void {
  const { id, directory } = damaged;
  checkProc();
  const spec = configOf(damaged);
  // The container has no cgroup: the processes in the cgroup of that path belong to others.
  if (directory.hasNoCgroup) throw undecided(damaged, []);
  const plan = planOf(globals, spec ?? {}, id);
  // Any process may be in the root of a hierarchy; `create` would have refused it.
  if (plan.directories.some(({ path, mountpoint }) => path === mountpoint)) throw undecided(damaged, []);
  const cgroup = plannedRecord(plan);
  const members = readProcesses(cgroup);
  // The configuration is saved before anything is made: without one, the processes in that cgroup are
  // others'.
  const areOthers = spec === undefined || members.includes(process.pid);
  if (members.length > 0 && areOthers) throw undecided(damaged, members);
  const isFound = spec !== undefined && killProcesses(cgroup, SIGKILL);
  if (isFound) destroyKilledCgroup(cgroup);
  // A rootless container may have been refused a cgroup; a path may have been relative to its caller's.
  const others = processesNamed(id, plan, spec);
  const isHidden = !isFound && spec !== undefined && isRootless(globals);
  if (others.length > 0 || isHidden) throw undecided(damaged, others);
  directory.remove();
  if (spec !== undefined) tellOfLoss(globals, spec, damaged);
}

/** The saved configuration; `undefined` if there is none. */
function configOf({ directory, damage }: Damaged): Spec | undefined {
  if (!directory.hasConfig()) return undefined;
  try {
    return directory.loadConfig();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new TsrunError("E_STATE", `${damage.message}; its configuration cannot be read either: ${reason}`, {
      hint: byHand(directory),
    });
  }
}

/** The cgroup as `create` planned it, as far as that can be known. */
function planOf(globals: GlobalOptions, spec: Partial<Spec>, id: string): CgroupPlan {
  const systemd =
    globals.systemdCgroup || /^[^:/]*:[^:/]*:[^:/]+$/.test(spec.linux?.cgroupsPath ?? "")
      ? readSystemd({ user: isRootless(globals) })
      : undefined;
  return planCgroup({ spec, id, systemd, hierarchies: readHierarchies() });
}

/**
 * Processes of the host in any cgroup that has the name of the container's. Without a configuration nothing
 * tells the prefix of a unit, so any does: `docker-ID.scope`.
 */
function processesNamed(id: string, { directories, unit }: CgroupPlan, spec: Spec | undefined): number[] {
  const names = new Set([id, `runc-${id}.scope`, unit?.name ?? id]);
  for (const { path } of directories) names.add(path.slice(path.lastIndexOf("/") + 1));
  const pids = listDirectoryAt("/proc").filter(({ name }) => /^\d+$/.test(name));
  return pids
    .filter(({ name }) => {
      const cgroups = readTextIfThere(`/proc/${name}/cgroup`) ?? "";
      const parts = cgroups.split(/[/\n]/);
      return parts.some((part) => names.has(part) || (spec === undefined && part.endsWith(`-${id}.scope`)));
    })
    .map(({ name }) => Number(name));
}

function undecided({ directory, damage }: Damaged, pids: readonly number[]): TsrunError {
  const who = pids.length === 0 ? "" : `; these may be: ${pids.join(", ")}`;
  const words = `${damage.message}; it is not certain which processes are the container's${who}`;
  return new TsrunError("E_STATE", words, { hint: byHand(directory) });
}

function byHand({ path }: StateDirectory): string {
  return `end its processes, then remove "${path}" with everything in it`;
}

/** Warns about things that only the state could have told. */
function tellOfLoss({ log }: GlobalOptions, { hooks, linux }: Spec, { damage }: Damaged): void {
  const lost: string[] = [];
  if ((hooks?.poststop ?? []).length > 0) lost.push("its poststop hooks have not run");
  const ownMounts = linux?.namespaces?.some(({ type }) => type === "mount") === true;
  if (!ownMounts) lost.push("what it mounted on the host is still there");
  if (linux?.intelRdt !== undefined) lost.push("its resctrl group is still there");
  const rest = lost.length === 0 ? "" : `; ${lost.join(", ")}`;
  log.warning(`${damage.message}; its processes were found by its cgroup, and ended${rest}`);
}
