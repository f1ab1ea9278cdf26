// Merges the current resources with those that `update` asks for (runc: update.go). Pure.

import { TsrunError } from "../errors.ts";
import type {
  BlockIOResources,
  CpuResources,
  MemoryResources,
  Resources,
  ThrottleDevice,
  WeightDevice,
} from "../spec/types.ts";
import { isSet } from "./writes.ts";

export interface MergedResources {
  /** All resources after the update; saved with the state. */
  readonly inForce: Resources;
  /**
   * What to write: the resources asked for, and those that the kernel accepts only together with them.
   * DIFFERS: runc writes all current resources again, so a memory limit that can no longer be set keeps it
   * from changing the number of processes.
   */
  readonly change: Resources;
}

/** Leaves device rules out of `change`: devices/plan-change.ts plans them. */
export function mergeResources(current: Resources, { devices, ...asked }: Resources): MergedResources {
  const inForce: Resources = {
    ...current,
    ...(current.unified === undefined ? {} : { unified: notReplaced(current.unified, asked) }),
    ...definedOf({
      devices,
      memory: asked.memory && mergeMemory(current.memory ?? {}, asked.memory),
      cpu: asked.cpu && mergeCpu(current.cpu ?? {}, asked.cpu),
      pids: asked.pids && { ...current.pids, ...definedOf(asked.pids) },
      blockIO: asked.blockIO && mergeBlockIO(current.blockIO ?? {}, asked.blockIO),
      hugepageLimits:
        asked.hugepageLimits && mergeHugepages(current.hugepageLimits ?? [], asked.hugepageLimits),
      network: asked.network && { ...current.network, ...asked.network },
      rdma: asked.rdma && { ...current.rdma, ...asked.rdma },
      unified: asked.unified && { ...notReplaced(current.unified ?? {}, asked), ...asked.unified },
    }),
  };
  const change: Resources = {
    ...asked,
    ...definedOf({
      memory:
        asked.memory &&
        completeMemory(asked.memory, { current: current.memory ?? {}, inForce: inForce.memory ?? {} }),
      cpu: asked.cpu && completeCpu(asked.cpu, inForce.cpu ?? {}),
    }),
  };
  return { inForce, change };
}

/** The files of `unified` that no resource of this update writes too: the later setting counts. */
function notReplaced(
  unified: Readonly<Record<string, string>>,
  { memory, cpu, pids, blockIO }: Resources,
): Record<string, string> {
  const replaced: Readonly<Record<string, boolean>> = {
    "pids.max": pids?.limit !== undefined,
    "memory.max": isSet(memory?.limit),
    "memory.low": isSet(memory?.reservation),
    "memory.swap.max": isSet(memory?.swap) || memory?.limit === -1,
    "cpu.weight": isSet(cpu?.shares) || cpu?.idle !== undefined,
    "cpu.weight.nice": isSet(cpu?.shares) || cpu?.idle !== undefined,
    "cpu.idle": cpu?.idle !== undefined,
    "cpu.max": isSet(cpu?.quota) || isSet(cpu?.period),
    "cpu.max.burst": cpu?.burst !== undefined,
    "cpuset.cpus": (cpu?.cpus ?? "") !== "",
    "cpuset.mems": (cpu?.mems ?? "") !== "",
    "io.weight": isSet(blockIO?.weight),
    "io.bfq.weight": isSet(blockIO?.weight),
  };
  return Object.fromEntries(Object.entries(unified).filter(([file]) => replaced[file] !== true));
}

function mergeMemory(current: MemoryResources, asked: MemoryResources): MemoryResources {
  const { checkBeforeUpdate: _check, ...kept } = current;
  const { limit, swap, reservation, ...others } = asked;
  // Memory becomes unlimited and swap is not given: the old memory+swap would still limit memory.
  const { swap: _swap, ...withoutSwap } = kept;
  const base = limit === -1 && !isSet(swap) ? withoutSwap : kept;
  return {
    ...base,
    ...definedOf(others),
    ...(isSet(limit) ? { limit } : {}),
    ...(isSet(swap) ? { swap } : {}),
    ...(isSet(reservation) ? { reservation } : {}),
  };
}

/** Adds memory to memory+swap and the reverse: they depend on each other, on v2 even in their values. */
function completeMemory(
  asked: MemoryResources,
  { current, inForce: { limit, swap } }: { current: MemoryResources; inForce: MemoryResources },
): MemoryResources {
  const { disableOOMKiller, ...others } = asked;
  // Many callers always send `false`: it is a change only if the OOM killer is off.
  const changed = disableOOMKiller === false && current.disableOOMKiller !== true ? others : asked;
  if (!isSet(asked.limit) && !isSet(asked.swap)) return changed;
  return { ...changed, ...definedOf({ limit, swap }) };
}

function mergeCpu(current: CpuResources, asked: CpuResources): CpuResources {
  const merged: Record<string, unknown> = { ...current };
  for (const [name, value] of Object.entries(asked)) {
    // 0 and "" mean "not given", except for `idle` and `burst`, where 0 is a value.
    const given = name === "idle" || name === "burst" ? value !== undefined : value !== 0 && value !== "";
    if (given && value !== undefined) merged[name] = value;
  }
  // The kernel resets the weight of a cgroup that becomes idle. A weight asked for then, or later, is for the
  // time when it is no longer idle.
  const becomesIdle = asked.idle === 1 && current.idle !== 1;
  if (becomesIdle && !isSet(asked.shares)) delete merged.shares;
  return merged;
}

/**
 * If only one of quota and period is given, the other keeps its value (v2 has one file for both). The same
 * holds for `idle` and the weight: they are one property of systemd, and an idle cgroup accepts no weight.
 */
function completeCpu(asked: CpuResources, { quota, period, shares, idle }: CpuResources): CpuResources {
  const completed = {
    ...asked,
    ...(asked.idle === 0 ? definedOf({ shares }) : {}),
    ...(isSet(asked.shares) && idle === 1 ? { idle } : {}),
  };
  if (!isSet(asked.quota) && !isSet(asked.period)) return completed;
  return { ...completed, ...definedOf({ quota, period }) };
}

function mergeBlockIO(current: BlockIOResources, asked: BlockIOResources): BlockIOResources {
  const { weight, leafWeight } = asked;
  return {
    ...current,
    ...(isSet(weight) ? { weight } : {}),
    ...(isSet(leafWeight) ? { leafWeight } : {}),
    ...definedOf({
      weightDevice: mergeDevices<WeightDevice>(current.weightDevice, asked.weightDevice),
      throttleReadBpsDevice: mergeDevices<ThrottleDevice>(
        current.throttleReadBpsDevice,
        asked.throttleReadBpsDevice,
      ),
      throttleWriteBpsDevice: mergeDevices<ThrottleDevice>(
        current.throttleWriteBpsDevice,
        asked.throttleWriteBpsDevice,
      ),
      throttleReadIOPSDevice: mergeDevices<ThrottleDevice>(
        current.throttleReadIOPSDevice,
        asked.throttleReadIOPSDevice,
      ),
      throttleWriteIOPSDevice: mergeDevices<ThrottleDevice>(
        current.throttleWriteIOPSDevice,
        asked.throttleWriteIOPSDevice,
      ),
    }),
  };
}

interface Numbered {
  readonly major: number;
  readonly minor: number;
}

/** Merges by device: new devices are added, known ones get the new values. */
function mergeDevices<D extends Numbered>(
  current: readonly D[] = [],
  asked: readonly D[] | undefined,
): readonly D[] | undefined {
  if (asked === undefined) return undefined;
  const merged = [...current];
  for (const device of asked) {
    const index = merged.findLastIndex(
      ({ major, minor }) => major === device.major && minor === device.minor,
    );
    const before = merged[index];
    if (before === undefined) merged.push(device);
    else merged[index] = { ...before, ...device };
  }
  return merged;
}

type Hugepages = NonNullable<Resources["hugepageLimits"]>;

function mergeHugepages(current: Hugepages, asked: Hugepages): Hugepages {
  const sizes = asked.map(({ pageSize }) => pageSize);
  return [...current.filter(({ pageSize }) => !sizes.includes(pageSize)), ...asked];
}

/** Drops undefined members: spread over another object, they would hide its members. */
function definedOf<T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const defined: Partial<T> = {};
  for (const name of Object.keys(members) as (keyof T)[]) {
    if (members[name] !== undefined) defined[name] = members[name];
  }
  return defined as { [K in keyof T]?: Exclude<T[K], undefined> };
}

/** A number of bytes as `update` takes it: `512M`, `1.5GiB`, `-1` for no limit. Units are powers of 1024. */
export function parseBytes(name: string, text: string): number {
  if (text === "-1") return -1;
  const [, digits, unit] = /^(\d+(?:\.\d+)?) ?(?:([kmgtp])?i?b?)$/i.exec(text) ?? [];
  const bytes = Math.floor(Number(digits) * 1024 ** ("kmgtp".indexOf((unit ?? " ").toLowerCase()) + 1));
  if (digits !== undefined && Number.isSafeInteger(bytes)) return bytes;
  throw new TsrunError("E_USAGE", `invalid value for ${name}: invalid size: '${text}'`, {
    hint: "sizes are numbers of bytes, or have a unit as in 512M or 1.5GiB; -1 is no limit",
  });
}
