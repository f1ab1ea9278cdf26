// Guards the devices of a v2 cgroup with an eBPF program.

import { TsrunError, throwIfOutOfMemory } from "../../errors.ts";
import {
  attachDeviceProgram,
  attachedDevicePrograms,
  detachDeviceProgram,
  loadDeviceProgram,
  openProgram,
} from "../../linux/bpf.ts";
import { syscallError } from "../../linux/call.ts";
import { EACCES, ENOENT, EPERM } from "../../linux/errno.ts";
import { O_DIRECTORY, O_RDONLY } from "../../linux/fcntl.ts";
import { type Descriptor, open } from "../../linux/files.ts";
import type { ApplyContext } from "../record.ts";
import { buildDeviceSet } from "./device-set.ts";
import { inUserNamespace } from "./privilege.ts";
import { assembleDeviceProgram } from "./program.ts";
import { ACCESS_ALL, type DeviceRule } from "./rules.ts";

/** Loads the program for these rules and puts it in the place of what guards the cgroup now. */
export function applyDevicesV2(
  directory: string,
  rules: readonly DeviceRule[],
  { rootless }: ApplyContext,
): void {
  const program = assembleDeviceProgram(buildDeviceSet(rules));
  try {
    using cgroup = open(directory, O_RDONLY | O_DIRECTORY);
    using loaded = loadDeviceProgram(program);
    replacePrograms(cgroup.number, loaded.number);
  } catch (error) {
    throwIfOutOfMemory(error);
    if (rootless || mayGoWithout(rules)) return;
    if (!(error instanceof TsrunError)) throw error;
    throw new TsrunError("E_CGROUP", `cannot guard the devices of cgroup "${directory}": ${error.message}`, {
      cause: error,
      hint: "the kernel needs CONFIG_CGROUP_BPF, and the caller CAP_SYS_ADMIN in the first user namespace",
    });
  }
}

/**
 * With one old program, the usual case of an update, the kernel swaps them in one step. Otherwise the new one
 * comes first and the old ones go after it: an access must pass every program, so there is never a moment
 * without a guard.
 */
function replacePrograms(cgroup: number, program: number): void {
  const old = openPrograms(attachedDevicePrograms(cgroup));
  try {
    const [only] = old;
    if (only !== undefined && old.length === 1) {
      attachDeviceProgram(cgroup, program, only.number);
      return;
    }
    attachDeviceProgram(cgroup, program);
    for (const { number } of old) detachDeviceProgram(cgroup, number);
  } finally {
    for (const descriptor of old) descriptor.close();
  }
}

/** AS RUNC: a program that a security module hides can only deny more, so it may stay. */
function openPrograms(ids: readonly number[]): Descriptor[] {
  const programs: Descriptor[] = [];
  for (const id of ids) {
    const program = openProgram(id);
    if (typeof program !== "number") programs.push(program);
    else if (program !== -EPERM && program !== -EACCES && program !== -ENOENT) {
      throw syscallError(`open eBPF program ${id}`, -program);
    }
  }
  return programs;
}

/** AS RUNC: nothing is lost without a guard in a user namespace, or where the rules only allow. */
function mayGoWithout(rules: readonly DeviceRule[]): boolean {
  for (const { allow, access } of rules) if (!allow || access !== ACCESS_ALL) return inUserNamespace();
  return true;
}
