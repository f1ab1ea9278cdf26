// The v1 driver, for v1 and hybrid hosts: one directory per hierarchy, which a process enters by writing to
// its `tasks` file.

import { TsrunError, throwIfOutOfMemory } from "../errors.ts";
import { hasErrno, tryCall } from "../linux/call/call.ts";
import { readText } from "../linux/files/files.ts";
import { EACCES, EROFS } from "../linux/numbers/errno.ts";
import { AT_FDCWD } from "../linux/numbers/fcntl.ts";
import type { CpuResources, Resources } from "../spec/types.ts";
import { CPUSET_NAMES, type CpusetName, cpusetWrite } from "./controllers/cpuset.ts";
import { applyDevicesV1, changeDevicesV1 } from "./devices/apply-v1.ts";
import { isFrozenV1 } from "./freezer.ts";
import { planLimitsV1 } from "./limits.ts";
import type { CgroupPlan, PlannedDirectory } from "./planned.ts";
import type { ApplyContext, CgroupRecord } from "./record.ts";
import { assertEmpty, assertThawed, makeCgroup } from "./tree.ts";
import { runWrites } from "./writer.ts";

/** Makes the directories; `made` collects them for the caller to undo, even if a later one fails. */
export function createV1(plan: CgroupPlan, rootless: boolean, made: string[]): CgroupRecord["paths"] {
  const paths: Record<string, string> = {};
  // A plan has the devices hierarchy first.
  if (plan.directories[0]?.controllers.includes("devices") !== true) {
    // Without it the container could use every device of the host.
    throw new TsrunError("E_CGROUP", "cannot restrict devices: no devices cgroup hierarchy is mounted", {
      hint: "mount one, for instance: mount -t cgroup -o devices devices /sys/fs/cgroup/devices",
    });
  }
  for (const directory of plan.directories) {
    const { controllers } = directory;
    try {
      prepare(directory, plan, made);
    } catch (error) {
      throwIfOutOfMemory(error);
      // Named hierarchies and the unified one have no limits: runc joins them if it can.
      const optional = controllers.every(
        (name) => name === "" || name === "misc" || name.startsWith("name="),
      );
      const denied = hasErrno(error, "EACCES", "EPERM", "EROFS");
      if (optional || (denied && rootless && !plan.explicit)) continue;
      throw error;
    }
    for (const controller of controllers) paths[controller] = directory.path;
  }
  return paths;
}

function prepare(directory: PlannedDirectory, plan: CgroupPlan, made: string[]): void {
  const { controllers, path, mountpoint } = directory;
  const fresh = makeCgroup(path, mountpoint, made);
  if (!fresh) {
    // AS RUNC: check one hierarchy for all, since checking each costs more than it finds.
    if (controllers.includes("devices")) assertEmpty(path);
    if (controllers.includes("freezer")) assertThawed(isFrozenV1(path));
    assertJoinable(path, controllers);
  }
  if (controllers.includes("cpuset")) fillCpuset(path, mountpoint, { fresh, cpu: plan.resources.cpu ?? {} });
  if (controllers.includes("cpu")) runWrites(path, plan.beforeJoin);
}

/** Makes the cgroups in the hierarchies that systemd does not manage. */
export function finishUnitV1(plan: CgroupPlan): void {
  for (const { controllers, path, mountpoint } of plan.directories) {
    // systemd alone manages this one, and the unified hierarchy of a hybrid host.
    if (controllers.includes("name=systemd") || controllers[0] === "") continue;
    const fresh = makeCgroup(path, mountpoint, []);
    if (controllers.includes("cpuset"))
      fillCpuset(path, mountpoint, { fresh, cpu: plan.resources.cpu ?? {} });
    if (controllers.includes("cpu")) runWrites(path, plan.beforeJoin);
  }
}

function readTextOr(path: string, otherwise: string): string {
  try {
    return readText(path);
  } catch (error) {
    if (hasErrno(error, "ENOENT", "ENODEV")) return otherwise;
    throw error;
  }
}

/**
 * An existing cgroup may belong to another user: find out before a process tries to enter it.
 */
function assertJoinable(path: string, controllers: readonly string[]): void {
  const file = controllers[0] === "" ? "cgroup.procs" : "tasks";
  const result = tryCall("faccessat", AT_FDCWD, `${path}/${file}`, 2, 0);
  if (result !== -EACCES && result !== -EROFS) return;
  const [errno, words] =
    result === -EACCES ? ["EACCES", "permission denied"] : ["EROFS", "read-only file system"];
  throw new TsrunError("E_CGROUP", `cannot join cgroup "${path}": ${words}`, { errno });
}

/**
 * A new cpuset of v1 has no processor and no memory node, so no process can enter it. It gets those that the
 * configuration asks for, or else its parent's, from the top down (cgroup-v1/cpusets.rst, section 2.1).
 */
function fillCpuset(path: string, mountpoint: string, { fresh, cpu }: CpusetContext): void {
  const parent = path.slice(0, path.lastIndexOf("/"));
  for (const name of CPUSET_NAMES) {
    const wanted = cpu[name] ?? "";
    if (!fresh && wanted === "" && readCpuset(path, name) !== "") continue;
    const inherited = inheritCpuset(parent, mountpoint, name);
    const value = wanted === "" ? inherited : wanted;
    if (value !== "") runWrites(path, [cpusetWrite(name, value)]);
  }
}

interface CpusetContext {
  readonly fresh: boolean;
  readonly cpu: CpuResources;
}

/** The cpuset's value, after copying its parent's if it had none. */
function inheritCpuset(path: string, mountpoint: string, name: CpusetName): string {
  const value = readCpuset(path, name);
  if (value !== "" || path.length <= mountpoint.length) return value;
  const inherited = inheritCpuset(path.slice(0, path.lastIndexOf("/")), mountpoint, name);
  if (inherited !== "") runWrites(path, [cpusetWrite(name, inherited)]);
  return inherited;
}

function readCpuset(path: string, name: CpusetName): string {
  const text = readTextOr(`${path}/cpuset.${name}`, "none");
  return (text === "none" ? readTextOr(`${path}/${name}`, "") : text).trim();
}

/** Sets every limit that the resources name. */
export function applyV1({ paths }: CgroupRecord, resources: Resources, context: ApplyContext): void {
  const { devices, devicesBefore, journal, rootless } = context;
  if (devices !== undefined && devicesBefore !== undefined) changeDevicesV1(paths.devices, devices);
  else if (devices !== undefined) applyDevicesV1(paths.devices, devices, rootless);
  const isUpdate = journal !== undefined;
  for (const { controller, writes } of planLimitsV1(resources, { isUpdate })) {
    const directory = paths[controller];
    if (directory === undefined) {
      const message = `cannot set ${controller} limit: container could not join or create cgroup`;
      throw new TsrunError("E_CGROUP", message, {
        hint: `the ${controller} hierarchy must be mounted and writable for a container with such limits`,
      });
    }
    runWrites(directory, writes, journal);
  }
}
