// The files of `linux.resources.unified` for which systemd has a property, as properties of a unit; the
// others are only written. (runc: unifiedResToSystemdProps.) Pure.

import { TsrunError } from "../../errors.ts";
import { listToBits, quotaProperties, roundQuota, SINCE } from "./cpu-properties.ts";
import { unifiedIoProperties } from "./io-properties.ts";
import { number, type Property, property, UNLIMITED } from "./property.ts";

/**
 * Files with a number or `max`: the property, and the version that brought it if not every version has it.
 */
const LIMITS: Readonly<Record<string, readonly [property: string, since?: number]>> = {
  "memory.high": ["MemoryHigh"],
  "memory.low": ["MemoryLow"],
  "memory.min": ["MemoryMin"],
  "memory.max": ["MemoryMax"],
  "memory.swap.max": ["MemorySwapMax"],
  "memory.zswap.max": ["MemoryZSwapMax", SINCE.zswapMax],
  "pids.max": ["TasksMax"],
};

const CPUSETS: Readonly<Record<string, string>> = {
  "cpuset.cpus": "AllowedCPUs",
  "cpuset.mems": "AllowedMemoryNodes",
};

export function unifiedProperties(unified: Readonly<Record<string, string>>, version: number): Property[] {
  const idle = unified["cpu.idle"]?.trim() === "1" && version >= SINCE.idle;
  const properties: Property[] = [];
  for (const [file, text] of Object.entries(unified)) {
    properties.push(...fileProperties(file, text.trim(), { idle, version, unified }));
  }
  return properties;
}

interface FileContext {
  /** Whether `cpu.idle` is 1, which systemd expresses as a weight. */
  readonly idle: boolean;
  readonly version: number;
  readonly unified: Readonly<Record<string, string>>;
}

function fileProperties(file: string, value: string, { idle, version, unified }: FileContext): Property[] {
  const [limit, cpuset] = [LIMITS[file], CPUSETS[file]];
  if (limit !== undefined) {
    const [name, since = 0] = limit;
    return version < since ? [] : [number(name, limitOf(file, value))];
  }
  if (cpuset !== undefined) {
    if (version < SINCE.cpuset) return [];
    const bits = value === "" ? [] : listToBits(value, `unified resource ${file}`);
    return [property(cpuset, "ay", bits)];
  }
  switch (file) {
    case "cpu.idle":
      if (idle) return [number("CPUWeight", 0)];
      return version < SINCE.idle || hasWeight(unified) ? [] : [number("CPUWeight", UNLIMITED)];
    case "cpu.weight":
      return idle ? [] : [number("CPUWeight", limitOf(file, value))];
    case "cpu.weight.nice":
      return idle ? [] : [number("CPUWeight", weightOfNice(file, value))];
    case "cpu.max":
      return cpuMaxProperties(file, value, version);
    case "io.weight":
    case "io.bfq.weight":
      return unifiedIoProperties(file, value);
    case "memory.zswap.writeback":
      return version < SINCE.zswapWriteback ? [] : [property("MemoryZSwapWriteback", "b", value !== "0")];
    default:
      return [];
  }
}

function hasWeight(unified: Readonly<Record<string, string>>): boolean {
  return unified["cpu.weight"] !== undefined || unified["cpu.weight.nice"] !== undefined;
}

/** The scheduler's weights of nice values from -20 to 19 (kernel/sched/core.c, sched_prio_to_weight). */
// biome-ignore format: a table
const NICE_WEIGHTS = [
  88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,
  9548, 7620, 6100, 4904, 3906, 3121, 2501, 1991, 1586, 1277,
  1024, 820, 655, 526, 423, 335, 272, 215, 172, 137,
  110, 87, 70, 56, 45, 36, 29, 23, 18, 15,
];

/** The `cpu.weight` that the kernel shows after a nice value is written. */
function weightOfNice(file: string, value: string): bigint {
  const weight = /^[+-]?\d+$/.test(value) ? NICE_WEIGHTS[Number(value) + 20] : undefined;
  if (weight === undefined) throw invalid(file, value);
  return BigInt(Math.round((weight * 100) / 1024));
}

function cpuMaxProperties(file: string, value: string, version: number): Property[] {
  const [quota = "", period = "100000", ...more] = value.split(/\s+/);
  if (more.length > 0) throw invalid(file, value);
  const cpu = {
    quota: quota === "max" ? 0 : Number(limitOf(file, quota)),
    period: Number(limitOf(file, period)),
  };
  return quotaProperties(roundQuota(cpu), version);
}

function limitOf(file: string, value: string): bigint {
  if (value === "max") return UNLIMITED;
  if (/^\d+$/.test(value)) return BigInt(value);
  throw invalid(file, value);
}

function invalid(file: string, value: string): TsrunError {
  return new TsrunError("E_CONFIG", `unified resource "${file}" value invalid: "${value}"`);
}
