// The v2 driver: one directory, entered by CLONE_INTO_CGROUP (Documentation/admin-guide/cgroup-v2.rst).

import { TsrunError, wrapError } from "../errors.ts";
import { hasErrno, tryCall } from "../linux/call/call.ts";
import { readTextIfThere, tryWriteFile, writeFile } from "../linux/files/files.ts";
import { ENOENT, errnoName, errnoWords } from "../linux/numbers/errno.ts";
import { AT_FDCWD } from "../linux/numbers/fcntl.ts";
import type { Resources } from "../spec/types.ts";
import { assertAboveUsage } from "./controllers/memory.ts";
import { explainUnified } from "./controllers/unified.ts";
import { applyDevicesV2, changeDevicesV2, DeviceProgram } from "./devices/apply-v2.ts";
import { isFrozenV2 } from "./freezer.ts";
import { planLimitsV2 } from "./limits.ts";
import type { CgroupPlan, PlannedDirectory } from "./planned.ts";
import type { ApplyContext, CgroupRecord } from "./record.ts";
import { assertEmpty, assertThawed, makeCgroup } from "./tree.ts";
import { readNumber, readWords, runWrites } from "./writer.ts";
import type { CgroupWrite } from "./writes.ts";

/** Makes the directory with every controller that its parents can enable. `made` collects what to undo. */
export function createV2(plan: CgroupPlan, rootless: boolean, made: string[]): CgroupRecord["paths"] {
  const [directory] = plan.directories;
  if (directory === undefined) throw new TsrunError("E_INTERNAL", "a v2 plan without a directory");
  try {
    prepare(directory, plan.resources, made);
  } catch (error) {
    if (!rootless || plan.explicit || !hasErrno(error, "EACCES", "EPERM", "EROFS")) throw error;
    if (planLimitsV2(plan.resources).length === 0) return {};
    const words = error instanceof Error ? error.message : String(error);
    const message = "rootless needs no limits + no cgrouppath when no permission is granted for cgroups";
    throw new TsrunError("E_CGROUP", `${message}: ${words}`, {
      cause: error,
      hint: "log in through systemd, which delegates a cgroup to each user, or leave out the limits",
    });
  }
  handDown(plan, directory, made);
  return { "": directory.path };
}

/** Finishes the cgroup that systemd has made around this process. */
export function finishUnitV2(plan: CgroupPlan, pid: number): void {
  const [directory] = plan.directories;
  if (directory === undefined) return;
  const { path, mountpoint } = directory;
  if (plan.subgroup !== undefined) {
    // A cgroup with a process in it cannot enable controllers for its children.
    makeCgroup(path, mountpoint, []);
    moveInto(path, pid);
  }
  enableControllers(path, mountpoint);
  assertDomain(path, plan.resources);
  handDown(plan, directory, []);
}

/** Delegates the cgroup to the container, and makes the child cgroup in which it begins. */
function handDown(
  { owner, delegate: inside }: CgroupPlan,
  { path, mountpoint }: PlannedDirectory,
  made: string[],
): void {
  if (owner !== undefined) delegate(path, owner);
  let directory = path;
  for (const name of inside?.split("/") ?? []) {
    directory = `${directory}/${name}`;
    makeCgroup(directory, mountpoint, made);
    if (owner !== undefined) delegate(directory, owner);
  }
}

/**
 * Moves the first process into the delegated cgroup, once it has its cgroup namespace, whose root is above
 * that (crun: "the cgroup namespace is created before moving the container to the delegated cgroup").
 */
export function enterDelegate({ delegate: inside }: CgroupPlan, { paths }: CgroupRecord, pid: number): void {
  const path = paths[""];
  if (inside !== undefined && path !== undefined) moveInto(`${path}/${inside}`, pid);
}

function moveInto(path: string, pid: number): void {
  writeFile(`${path}/cgroup.procs`, String(pid));
}

function prepare({ path, mountpoint }: PlannedDirectory, resources: Resources, made: string[]): void {
  if (!makeCgroup(path, mountpoint, made)) {
    assertEmpty(path);
    assertThawed(isFrozenV2(path));
  }
  enableControllers(path, mountpoint);
  assertDomain(path, resources);
}

/**
 * Enables every controller of the mount, one level after the other: a cgroup can enable for its children only
 * what its own parent enables for it. Errors are ignored here, since a limit that lacks its controller fails
 * later: some controllers cannot be enabled at all, and a user may only use what was delegated.
 */
function enableControllers(path: string, mountpoint: string): void {
  const all = controllersOf(mountpoint);
  const missing = (directory: string): boolean => {
    const present = controllersOf(directory);
    for (const controller of all) if (!present.includes(controller)) return true;
    return false;
  };
  if (all.length === 0 || path === mountpoint || !missing(path)) return;
  let directory = mountpoint;
  for (const part of path.slice(mountpoint.length + 1).split("/")) {
    const control = `${directory}/cgroup.subtree_control`;
    if (tryWriteFile(control, `+${all.join(" +")}`) < 0) {
      for (const controller of all) tryWriteFile(control, `+${controller}`);
    }
    directory = `${directory}/${part}`;
  }
}

function controllersOf(directory: string): string[] {
  return readWords(directory, "cgroup.controllers");
}

/**
 * The controllers that a threaded cgroup cannot have (cgroups(7), "Thread mode"), by the names of the
 * resources that need them.
 */
const DOMAIN_CONTROLLERS = ["memory", "io", "cpu", "hugetlb"];

/**
 * Below a threaded cgroup a new one is "domain invalid" and nothing can enter it, unless it becomes threaded
 * too; that rules out limits of domain controllers. AS RUNC, which counts cpu among them.
 */
function assertDomain(path: string, resources: Resources): void {
  const type = readTextIfThere(`${path}/cgroup.type`)?.trim() ?? "domain";
  if (type === "domain") return;
  for (const { controller } of planLimitsV2(resources)) {
    if (!DOMAIN_CONTROLLERS.includes(controller)) continue;
    const mode = type === "domain invalid" ? "an invalid state" : `${type} mode`;
    const message = `cannot enter cgroupv2 "${path}" with domain controllers -- it is in ${mode}`;
    throw new TsrunError("E_CGROUP", message, {
      hint: "choose a cgroupsPath outside the threaded cgroup, or leave out the limits",
    });
  }
  if (type === "domain invalid") tryWriteFile(`${path}/cgroup.type`, "threaded");
}

/** cgroups(7), "Cgroups delegation": for kernels before 4.15, which have no /sys/kernel/cgroup/delegate. */
const DELEGATED = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads";

/**
 * Gives the container's user the directory and the files needed to divide the cgroup, not those of its
 * limits.
 */
function delegate(path: string, uid: number): void {
  changeOwner(path, uid);
  const files = readTextIfThere("/sys/kernel/cgroup/delegate") ?? DELEGATED;
  for (const file of files.split("\n")) if (file !== "") changeOwner(`${path}/${file}`, uid);
}

function changeOwner(path: string, uid: number): void {
  const result = tryCall("fchownat", AT_FDCWD, path, uid, -1, 0);
  if (result === 0 || result === -ENOENT) return;
  throw new TsrunError("E_CGROUP", `cannot hand "${path}" to user ${uid}: ${errnoWords(-result)}`, {
    errno: errnoName(-result),
  });
}

/** `checkBeforeUpdate`: limits that are exceeded already are refused, since the kernel would kill instead. */
export function assertAllowedV2({ paths }: CgroupRecord, { memory }: Resources): void {
  if (memory?.checkBeforeUpdate !== true) return;
  const usage = readNumber(paths[""] ?? "", "memory.current");
  if (usage !== undefined) assertAboveUsage(memory, usage);
}

/** Sets every limit that the resources name. */
export function applyV2(record: CgroupRecord, resources: Resources, context: ApplyContext): void {
  const directory = record.paths[""] ?? "";
  const { devices, devicesBefore, rootless } = context;
  if (devices !== undefined && devicesBefore !== undefined) changeDevicesV2(directory, devices);
  else if (devices !== undefined) {
    using program = context.deviceProgram ?? new DeviceProgram(devices);
    applyDevicesV2(directory, program, rootless);
  }
  assertAllowedV2(record, resources);
  for (const { controller, writes } of planLimitsV2(resources)) {
    if (controller !== "unified") {
      runWrites(directory, writes, context.journal);
      continue;
    }
    // One by one, since an error is explained by the name of its file.
    for (const write of writes) applyUnified(directory, write, context);
  }
}

function applyUnified(directory: string, write: CgroupWrite, { journal }: ApplyContext): void {
  try {
    runWrites(directory, [write], journal);
  } catch (error) {
    const missing = hasErrno(error, "ENOENT", "EPERM", "EACCES");
    const words = missing ? explainUnified(write.file, controllersOf(directory)) : undefined;
    if (words !== undefined) throw new TsrunError("E_CGROUP", words, { cause: error });
    throw wrapError(`unable to set unified resource "${write.file}"`, error);
  }
}
