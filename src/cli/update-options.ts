// Turns the flags of `update` into resources. Pure.

import { parseBytes } from "../cgroups/merge.ts";
import { TsrunError } from "../errors.ts";
import type { Resources } from "../spec/types.ts";
import type { OptionTable, Values } from "./options.ts";

/** The limits, each with its flag. A flag given as "" counts as absent, and so does a weight of 0. */
export const limitOptions = {
  "blkio-weight": { type: "number", describe: "weight of block IO, 10 to 1000" },
  "cpu-period": { type: "string", describe: "CPU period of the quota (in usecs)" },
  "cpu-quota": { type: "string", describe: "CPU time allowed in a period (in usecs); -1 is no limit" },
  "cpu-burst": { type: "string", describe: "CPU time that may be saved up for a burst (in usecs)" },
  "cpu-share": { type: "string", describe: "CPU shares (relative weight vs. other containers)" },
  "cpu-rt-period": { type: "string", describe: "CPU period of the realtime budget (in usecs)" },
  "cpu-rt-runtime": { type: "string", describe: "realtime CPU time allowed in a period (in usecs)" },
  "cpu-idle": {
    type: "string",
    describe: "1 lets the container run only when nothing else does, 0 ends that",
  },
  "cpuset-cpus": { type: "string", describe: "processors to use, for instance 0-3,7" },
  "cpuset-mems": { type: "string", describe: "memory nodes to use" },
  memory: { type: "string", describe: "memory limit (in bytes, or with a unit: 512M)" },
  "memory-reservation": { type: "string", describe: "memory reservation or soft limit (in bytes)" },
  "memory-swap": { type: "string", describe: "limit of memory and swap together; -1 is no limit" },
  "kernel-memory": { type: "string", describe: "accepted and ignored", hidden: true },
  "kernel-memory-tcp": { type: "string", describe: "accepted and ignored", hidden: true },
  "pids-limit": { type: "number", describe: "maximum number of processes; 0 counts as 1, -1 is no limit" },
} as const satisfies OptionTable;

/** The resources that the flags ask for. Throws if a value is invalid. */
export function readLimits(values: Values<typeof limitOptions>): Resources {
  const { "blkio-weight": weight = 0, "pids-limit": pids } = values;
  return {
    ...(weight === 0 ? {} : { blockIO: { weight } }),
    ...(pids === undefined ? {} : { pids: { limit: pids } }),
    ...nonEmpty("cpu", {
      ...number(values, "cpu-period", "period"),
      ...number(values, "cpu-quota", "quota", { negative: true }),
      ...number(values, "cpu-burst", "burst"),
      ...number(values, "cpu-share", "shares"),
      ...number(values, "cpu-rt-period", "realtimePeriod"),
      ...number(values, "cpu-rt-runtime", "realtimeRuntime", { negative: true }),
      ...number(values, "cpu-idle", "idle", { negative: true }),
      ...word(values, "cpuset-cpus", "cpus"),
      ...word(values, "cpuset-mems", "mems"),
    }),
    ...nonEmpty("memory", {
      ...bytes(values, "memory", "limit"),
      ...bytes(values, "memory-reservation", "reservation"),
      ...bytes(values, "memory-swap", "swap"),
      ...bytes(values, "kernel-memory", "kernel"),
      ...bytes(values, "kernel-memory-tcp", "kernelTCP"),
    }),
  };
}

type Given = Readonly<Record<string, unknown>>;

function word(values: Given, flag: string, member: string): Record<string, string> {
  const given = values[flag];
  return typeof given === "string" && given !== "" ? { [member]: given } : {};
}

function number(
  values: Given,
  flag: string,
  member: string,
  { negative = false } = {},
): Record<string, number> {
  const given = word(values, flag, member)[member];
  if (given === undefined) return {};
  const value = (negative ? /^[+-]?\d+$/ : /^\d+$/).test(given) ? Number(given) : Number.NaN;
  // JavaScript rounds larger numbers; they mean the largest that the kernel accepts.
  if (!Number.isNaN(value) && Math.abs(value) < 2 ** 64) return { [member]: value };
  throw new TsrunError(
    "E_USAGE",
    `invalid value for ${flag}: parsing ${JSON.stringify(given)}: invalid syntax`,
    {
      hint: negative ? "it is a whole number" : "it is a whole number, 0 or more",
    },
  );
}

function bytes(values: Given, flag: string, member: string): Record<string, number> {
  const given = word(values, flag, member)[member];
  return given === undefined ? {} : { [member]: parseBytes(flag, given) };
}

function nonEmpty<Name extends string>(name: Name, members: object): { readonly [K in Name]?: object } {
  return (Object.keys(members).length === 0 ? {} : { [name]: members }) as { readonly [K in Name]?: object };
}
