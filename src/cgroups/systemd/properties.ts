// Limits as properties of a unit (org.freedesktop.systemd1(5), systemd.resource-control(5)), so that what
// systemd writes agrees with what we write ourselves. As runc converts them (opencontainers/cgroups'
// systemd/v1.go and v2.go). Pure.

import type { CpuResources, Resources } from "../../spec/types.ts";
import { sharesToWeight } from "../controllers/cpu.ts";
import { swapWithoutMemory } from "../controllers/memory.ts";
import { leastTasks } from "../controllers/pids.ts";
import { isSet } from "../writes.ts";
import { cpusetProperties, quotaProperties, roundQuota, SINCE } from "./cpu-properties.ts";
import { ioProperties } from "./io-properties.ts";
import { number, type Property, property, UNLIMITED } from "./property.ts";
import { unifiedProperties } from "./unified-properties.ts";

/** The resources as systemd takes them, and as they must be written afterwards to agree with it. */
export interface UnitResources {
  readonly properties: Property[];
  readonly resources: Resources;
}

/** v1. */
export function resourcePropertiesV1(resources: Resources, version: number): UnitResources {
  const { memory = {}, cpu = {}, pids = {}, blockIO = {} } = resources;
  const rounded = roundQuota(cpu);
  const properties = [
    ...(isSet(memory.limit) ? [number("MemoryLimit", memory.limit)] : []),
    ...(isSet(cpu.shares) ? [number("CPUShares", cpu.shares)] : []),
    ...quotaProperties(rounded, version),
    ...(isSet(blockIO.weight) ? [number("BlockIOWeight", blockIO.weight)] : []),
    ...tasksProperty(pids.limit),
    ...cpusetProperties(cpu, version),
  ];
  return { properties, resources: withCpu(resources, rounded) };
}

/** v2. `bfq`: the kernel has BFQ's weights, which are written then. */
export function resourcePropertiesV2(
  resources: Resources,
  version: number,
  { bfq = false }: { readonly bfq?: boolean } = {},
): UnitResources {
  const { memory = {}, cpu = {}, pids = {}, blockIO = {}, unified = {} } = resources;
  const rounded = roundQuota(cpu);
  const swap = swapWithoutMemory(memory.swap ?? 0, memory.limit ?? 0);
  const properties = [
    ...(isSet(memory.limit) ? [number("MemoryMax", memory.limit)] : []),
    ...(isSet(memory.reservation) ? [number("MemoryLow", memory.reservation)] : []),
    // DIFFERS: runc tells systemd nothing of a limit of 0, and swap is back at the next daemon-reload.
    ...(swap !== undefined ? [number("MemorySwapMax", swap)] : []),
    // DIFFERS: runc tells systemd nothing of them, and the weight is the usual one at the next daemon-reload.
    ...ioProperties(blockIO, bfq),
    ...weightProperty(cpu, version),
    ...quotaProperties(rounded, version),
    ...tasksProperty(pids.limit),
    ...cpusetProperties(cpu, version),
    ...unifiedProperties(unified, version),
  ];
  return { properties, resources: withCpu(resources, rounded) };
}

function withCpu(resources: Resources, cpu: CpuResources): Resources {
  return resources.cpu === undefined ? resources : { ...resources, cpu };
}

function tasksProperty(limit: number | undefined): Property[] {
  return limit !== undefined && limit >= -1 ? [number("TasksMax", leastTasks(limit))] : [];
}

/** A weight of 0 is how systemd spells `cpu.idle` 1; without a word it would be idle again at a reload. */
function weightProperty({ idle, shares }: CpuResources, version: number): Property[] {
  if (idle === 1 && version >= SINCE.idle) return [number("CPUWeight", 0)];
  const weight = sharesToWeight(shares ?? 0);
  if (weight !== 0) return [number("CPUWeight", weight)];
  return idle === 0 && version >= SINCE.idle ? [number("CPUWeight", UNLIMITED)] : [];
}

/** What a property is when it was never set, for taking one back that a failed update has set. */
function unset({ name, type }: Property): Property {
  if (type.startsWith("a")) return property(name, type, []);
  if (type === "b") return property(name, type, true);
  return number(name, name === "MemoryLow" || name === "MemoryMin" ? 0 : UNLIMITED);
}

/** What to set to take `changed` back, when `before` held. */
export function restoringProperties(changed: readonly Property[], before: readonly Property[]): Property[] {
  const restored: Property[] = [];
  for (const one of changed) {
    const old = before.find(({ name }) => name === one.name);
    // A list of devices is added to, unless it is emptied first.
    if (old === undefined || one.type === "a(st)") restored.push(unset(one));
    if (old !== undefined) restored.push(old);
  }
  return restored;
}
