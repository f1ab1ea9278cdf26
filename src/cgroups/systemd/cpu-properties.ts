// Processor time and placement in systemd's units: percents and bits. Pure.

import { TsrunError } from "../../errors.ts";
import type { CpuResources } from "../../spec/types.ts";
import { number, type Property, property, UNLIMITED } from "./property.ts";

const USUAL_PERIOD_USEC = 100_000;
/** systemd stores percents: this is 1 % of a second. */
const QUOTA_STEP_USEC = 10_000;

/** The versions of systemd that brought a property. */
export const SINCE = {
  quotaPeriod: 242,
  cpuset: 244,
  idle: 252,
  scopeOomPolicy: 253,
  /** It reads memory.events.local instead of memory.events. */
  scopeOomLocal: 259,
  zswapMax: 253,
  zswapWriteback: 256,
};

/** systemd rounds a quota up to percents; the file gets the same value, so that neither undoes the other. */
export function roundQuota(cpu: CpuResources): CpuResources {
  const { quota = 0, period = 0 } = cpu;
  if (quota <= 0) return cpu;
  const whole = period === 0 ? USUAL_PERIOD_USEC : period;
  const perSecond = quotaPerSecond(quota, whole);
  if (Math.floor((quota * 1_000_000) / whole) === perSecond) return cpu;
  return { ...cpu, quota: Math.floor((perSecond * whole) / 1_000_000) };
}

function quotaPerSecond(quota: number, period: number): number {
  const exact = Math.floor((quota * 1_000_000) / period);
  return Math.ceil(exact / QUOTA_STEP_USEC) * QUOTA_STEP_USEC;
}

export function quotaProperties({ quota = 0, period = 0 }: CpuResources, version: number): Property[] {
  const properties: Property[] = [];
  if (period !== 0 && version >= SINCE.quotaPeriod) properties.push(number("CPUQuotaPeriodUSec", period));
  if (quota !== 0 || period !== 0) {
    const whole = period === 0 ? USUAL_PERIOD_USEC : period;
    properties.push(number("CPUQuotaPerSecUSec", quota > 0 ? quotaPerSecond(quota, whole) : UNLIMITED));
  }
  return properties;
}

export function cpusetProperties({ cpus = "", mems = "" }: CpuResources, version: number): Property[] {
  if (version < SINCE.cpuset) return [];
  return [
    ...(cpus === "" ? [] : [property("AllowedCPUs", "ay", listToBits(cpus, "cpu.cpus"))]),
    ...(mems === "" ? [] : [property("AllowedMemoryNodes", "ay", listToBits(mems, "cpu.mems"))]),
  ];
}

/** `0-1,9` as bytes, the lowest first. */
export function listToBits(list: string, what: string): number[] {
  const bytes: number[] = [];
  for (const part of list.split(",")) {
    const [from = "", to = from, more] = part.trim().split("-");
    if (from === "" && to === "") continue;
    const [first, last] = [Number(from), Number(to)];
    if (more !== undefined || !/^\d+$/.test(from) || !/^\d+$/.test(to) || first > last || last >= 1 << 16) {
      throw new TsrunError("E_CONFIG", `${what} "${list}" conversion error: invalid range: ${part}`);
    }
    for (let bit = first; bit <= last; bit++) {
      while (bytes.length <= bit >> 3) bytes.push(0);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (1 << (bit & 7));
    }
  }
  if (bytes.length === 0) throw new TsrunError("E_CONFIG", `${what} "${list}" conversion error: empty value`);
  return bytes;
}
