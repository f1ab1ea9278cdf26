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

/** The resources as systemd's properties, and as they must then be written to agree with these. */
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

/** v2. If `bfq` is set, the kernel has BFQ's weights, and those are written. */
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
    // DIFFERS: runc does not tell systemd about a limit of 0, so swap is unlimited after a daemon-reload.
    ...(swap !== undefined ? [number("MemorySwapMax", swap)] : []),
    // DIFFERS: runc does not tell systemd about them, so a daemon-reload resets the weight to the default.
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

/**
 * systemd's weight 0 means `cpu.idle` 1. A weight is always given, or a reload would make the cgroup idle
 * again.
 */
function weightProperty({ idle, shares }: CpuResources, version: number): Property[] {
  if (idle === 1 && version >= SINCE.idle) return [number("CPUWeight", 0)];
  const weight = sharesToWeight(shares ?? 0);
  if (weight !== 0) return [number("CPUWeight", weight)];
  return idle === 0 && version >= SINCE.idle ? [number("CPUWeight", UNLIMITED)] : [];
}

/** The value of a property that was never set, for undoing a failed update. */
function unset({ name, type }: Property): Property {
  if (type.startsWith("a")) return property(name, type, []);
  if (type === "b") return property(name, type, true);
  return number(name, name === "MemoryLow" || name === "MemoryMin" ? 0 : UNLIMITED);
}

/** The properties that undo `changed`; `before` are the old ones. */
export function restoringProperties(changed: readonly Property[], before: readonly Property[]): Property[] {
  const restored: Property[] = [];
  for (const one of changed) {
    const old = before.find(({ name }) => name === one.name);
    // Setting a list of devices adds to it, so empty it first.
    if (old === undefined || one.type === "a(st)") restored.push(unset(one));
    if (old !== undefined) restored.push(old);
  }
  return restored;
}
