// Files of `linux.resources.unified` as properties of a unit, those that systemd knows; the others are only
// written. (runc: unifiedResToSystemdProps.) Pure.

import { TsrunError } from "../../errors.ts";
import { listToBits, quotaProperties, roundQuota, SINCE } from "./cpu-properties.ts";
import { number, type Property, property, UNLIMITED } from "./property.ts";

const LIMITS: Readonly<Record<string, string>> = {
  "memory.high": "MemoryHigh",
  "memory.low": "MemoryLow",
  "memory.min": "MemoryMin",
  "memory.max": "MemoryMax",
  "memory.swap.max": "MemorySwapMax",
  "pids.max": "TasksMax",
};

const CPUSETS: Readonly<Record<string, string>> = {
  "cpuset.cpus": "AllowedCPUs",
  "cpuset.mems": "AllowedMemoryNodes",
};

export function unifiedProperties(unified: Readonly<Record<string, string>>, version: number): Property[] {
  const idle = unified["cpu.idle"]?.trim() === "1" && version >= SINCE.idle;
  const properties: Property[] = [];
  for (const [file, text] of Object.entries(unified)) {
    const value = text.trim();
    const [limit, cpuset] = [LIMITS[file], CPUSETS[file]];
    if (limit !== undefined) properties.push(number(limit, limitOf(file, value)));
    else if (cpuset !== undefined && version >= SINCE.cpuset && value !== "") {
      properties.push(property(cpuset, "ay", listToBits(value, `unified resource ${file}`)));
    } else if (file === "cpu.idle" && idle) properties.push(number("CPUWeight", 0));
    else if (file === "cpu.weight" && !idle) properties.push(number("CPUWeight", limitOf(file, value)));
    else if (file === "cpu.max") properties.push(...cpuMaxProperties(file, value, version));
  }
  return properties;
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
