// Guards the devices of a v2 cgroup with an eBPF program.

import { TsrunError, throwIfOutOfMemory } from "../../errors.ts";
import { syscallError } from "../../linux/call/call.ts";
import {
  attachDeviceProgram,
  attachedDevicePrograms,
  detachDeviceProgram,
  loadDeviceProgram,
  openProgram,
} from "../../linux/files/bpf.ts";
import { type Descriptor, open } from "../../linux/files/files.ts";
import { EACCES, ENOENT, EPERM } from "../../linux/numbers/errno.ts";
import { O_DIRECTORY, O_RDONLY } from "../../linux/numbers/fcntl.ts";
import type { Journal } from "../writer.ts";
import { buildDeviceSet } from "./device-set.ts";
import { inUserNamespace } from "./privilege.ts";
import { assembleDeviceProgram } from "./program.ts";
import type { DeviceRule } from "./rules.ts";

/** The program for some rules. The kernel takes half a millisecond to check it, so it can be loaded early. */
export class DeviceProgram implements Disposable {
  readonly rules: readonly DeviceRule[];
  #instructions: Uint8Array | undefined;
  #loaded: Descriptor | undefined;

  constructor(rules: readonly DeviceRule[]) {
    this.rules = rules;
  }

  /** Loads it early. If that fails, it is tried again later, where the failure has its words. */
  prepare(): void {
    try {
      this.#load();
    } catch (error) {
      throwIfOutOfMemory(error);
      if (!(error instanceof TsrunError)) throw error;
    }
  }

  /** Throws if the rules contradict each other. */
  assemble(): Uint8Array {
    this.#instructions ??= assembleDeviceProgram(buildDeviceSet(this.rules));
    return this.#instructions;
  }

  /** Puts it in the place of the programs that a cgroup has. */
  guard(directory: string): void {
    using cgroup = open(directory, O_RDONLY | O_DIRECTORY);
    replacePrograms(cgroup.number, [{ descriptor: this.#load() }]);
  }

  [Symbol.dispose](): void {
    this.#loaded?.close();
    this.#loaded = undefined;
  }

  #load(): Descriptor {
    this.#loaded ??= loadDeviceProgram(this.assemble());
    return this.#loaded;
  }
}

/** For a new cgroup: replaces the programs that it has. */
export function applyDevicesV2(directory: string, program: DeviceProgram, rootless: boolean): void {
  program.assemble();
  try {
    program.guard(directory);
  } catch (error) {
    throwIfOutOfMemory(error);
    // AS RUNC: a program is not needed in a user namespace.
    if (rootless || inUserNamespace()) return;
    throw cannotGuard(directory, error);
  }
}

function cannotGuard(directory: string, error: unknown): unknown {
  if (!(error instanceof TsrunError)) return error;
  return new TsrunError("E_CGROUP", `cannot guard the devices of cgroup "${directory}": ${error.message}`, {
    cause: error,
    hint: "the kernel needs CONFIG_CGROUP_BPF, and the caller CAP_SYS_ADMIN in the first user namespace",
  });
}

/** For a cgroup in use. Every failure is an error, even without privileges: the update asked for it. */
export function changeDevicesV2(directory: string, rules: readonly DeviceRule[]): void {
  using program = new DeviceProgram(rules);
  try {
    program.guard(directory);
  } catch (error) {
    throwIfOutOfMemory(error);
    throw cannotGuard(directory, error);
  }
}

/**
 * Notes the programs of a cgroup in use; the journal holds them open, so that the kernel does not free them.
 */
export function noteDevicesV2(directory: string, journal: Journal): void {
  try {
    const cgroup = open(directory, O_RDONLY | O_DIRECTORY);
    const old = openPrograms(attachedDevicePrograms(cgroup.number));
    const held = [cgroup, ...old.map(({ descriptor }) => descriptor)];
    journal.add(`the device rules of ${directory}`, () => replacePrograms(cgroup.number, old), held);
  } catch (error) {
    throwIfOutOfMemory(error);
    throw cannotGuard(directory, error);
  }
}

/** The id is absent if the program is not attached yet. */
interface Program {
  readonly id?: number;
  readonly descriptor: Descriptor;
}

/**
 * Makes these the programs of the cgroup. The kernel replaces one program by another, the usual case of an
 * update, in one step. Otherwise the new ones are attached before the old ones are detached: an access must
 * pass every program, so devices are guarded at every moment.
 */
function replacePrograms(cgroup: number, programs: readonly Program[]): void {
  const attached = openPrograms(attachedDevicePrograms(cgroup));
  try {
    const missing = without(programs, attached);
    const extra = without(attached, programs);
    const [[before], [after]] = [extra, missing];
    if (before !== undefined && after !== undefined && extra.length + missing.length === 2) {
      attachDeviceProgram(cgroup, after.descriptor.number, before.descriptor.number);
      return;
    }
    for (const { descriptor } of missing) attachDeviceProgram(cgroup, descriptor.number);
    for (const { descriptor } of extra) detachDeviceProgram(cgroup, descriptor.number);
  } finally {
    for (const { descriptor } of attached) descriptor.close();
  }
}

function without(programs: readonly Program[], others: readonly Program[]): Program[] {
  return programs.filter(({ id }) => id === undefined || !others.some((other) => other.id === id));
}

/** AS RUNC: a program that a security module hides can only deny more, so it may stay attached. */
function openPrograms(ids: readonly number[]): Program[] {
  const programs: Program[] = [];
  for (const id of ids) {
    const descriptor = openProgram(id);
    if (typeof descriptor !== "number") programs.push({ id, descriptor });
    else if (descriptor !== -EPERM && descriptor !== -EACCES && descriptor !== -ENOENT) {
      throw syscallError(`open eBPF program ${id}`, -descriptor);
    }
  }
  return programs;
}
