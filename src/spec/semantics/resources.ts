// Rules about resource limits, of config.json and of the document that update reads; runtime-spec
// config-linux.md#control-groups. Values that the kernel refuses with a clear errno are left to the kernel.

import type { Warning } from "../faults.ts";
import { childPointer } from "../json-positions.ts";
import type { Resources, WeightDevice } from "../types.ts";
import type { PartRule, Report } from "./report.ts";

export const RESOURCE_RULES: readonly PartRule<Resources>[] = [
  { about: "devices", reads: [], check: devices },
  { about: "memory", reads: ["/memory"], check: memory },
  { about: "cpu", reads: ["/cpu"], check: cpu },
  { about: "blockIO", reads: ["/blockIO"], check: blockDevices },
  { about: "unified", reads: ["/unified"], check: unified },
];

/**
 * The kernel keeps 12 bits of a major number and 20 of a minor one: a larger number would be another device.
 */
const DEVICE_NUMBERS = { major: 4095, minor: 1048575 };

function blockDevices({ blockIO = {} }: Resources, at: string, report: Report): void {
  for (const list of BLOCK_LISTS) {
    const devices: readonly Pick<WeightDevice, "major" | "minor">[] | undefined = blockIO[list];
    report.each(devices, `${at}/blockIO/${list}`, (device, index) => {
      for (const key of ["major", "minor"] as const) {
        const [value, most] = [device[key], DEVICE_NUMBERS[key]];
        if (value >= 0 && value <= most) continue;
        report.fault(`${at}/blockIO/${list}/${index}/${key}`, `must be from 0 to ${most}, is ${value}`);
      }
    });
  }
}

const BLOCK_LISTS = [
  "weightDevice",
  "throttleReadBpsDevice",
  "throttleWriteBpsDevice",
  "throttleReadIOPSDevice",
  "throttleWriteIOPSDevice",
] as const;

const MOST = 2 ** 32 - 1;
const RANGE = `must be from -1, which is any, to ${MOST}`;

function devices(resources: Resources, at: string, report: Report): void {
  const list = `${at}/devices`;
  report.each(resources.devices, list, ({ type = "", access = "", major = -1, minor = -1 }, index) => {
    if (type !== "" && type !== "a" && type !== "b" && type !== "c") {
      report.fault(`${list}/${index}/type`, `must be "a", "b" or "c", is ${JSON.stringify(type)}`);
    }
    // AS RUNC: a rule without an access is taken for a mistake.
    // A number of more than 32 bits would be another device to the eBPF program.
    if (major < -1 || major > MOST) report.fault(`${list}/${index}/major`, `${RANGE}, is ${major}`);
    if (minor < -1 || minor > MOST) report.fault(`${list}/${index}/minor`, `${RANGE}, is ${minor}`);
    if (access === "")
      report.fault(`${list}/${index}/access`, 'must not be empty, allowed: letters of "rwm"');
    // AS RUNC: other letters are ignored; some callers send "rwa".
    else if (access !== "rwm" && !/[rwm]/.test(access)) {
      report.fault(`${list}/${index}/access`, `must be letters of "rwm", is ${JSON.stringify(access)}`);
    }
  });
}

/** "Not set": -1 as Go programs write it into an unsigned field, rounded to a JavaScript number. */
const UNSET = 2 ** 64;

function memory(resources: Resources, at: string, report: Report): void {
  const { swappiness = 0, limit = 0, swap = 0 } = resources.memory ?? {};
  if (swappiness > 100 && swappiness < UNSET) {
    report.fault(`${at}/memory/swappiness`, `must be from 0 to 100, is ${swappiness}`);
  }
  for (const { pointer, message } of ignoredLimits(resources)) report.warn(`${at}${pointer}`, message);
  if (limit > 0 && swap > 0 && swap < limit) {
    const reason = `must be at least the memory limit, ${limit}, since it includes memory: is ${swap}`;
    report.fault(`${at}/memory/swap`, reason);
  }
}

/**
 * Limits that no supported kernel has. They are a warning, since old callers send them and runc ignores them.
 * Pointers are relative to the resources.
 */
export function ignoredLimits({ memory = {} }: Resources): Warning[] {
  const { kernel = 0, kernelTCP = 0, useHierarchy } = memory;
  const ignored: Warning[] = [];
  // runc's sentence.
  const words = "Kernel memory settings are ignored and will be removed";
  if (kernel !== 0) ignored.push({ pointer: "/memory/kernel", message: words });
  else if (kernelTCP !== 0) ignored.push({ pointer: "/memory/kernelTCP", message: words });
  if (useHierarchy === false) {
    const message = "is ignored: a limit always holds for the cgroups below, too";
    ignored.push({ pointer: "/memory/useHierarchy", message });
  }
  return ignored;
}

function cpu(resources: Resources, at: string, report: Report): void {
  const idle = resources.cpu?.idle ?? 0;
  if (idle !== 0 && idle !== 1) report.fault(`${at}/cpu/idle`, `must be 0 or 1, is ${idle}`);
}

function unified(resources: Resources, at: string, report: Report): void {
  for (const name of Object.keys(resources.unified ?? {})) {
    // Security: a file of this name is opened in the container's cgroup.
    if (name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name)) continue;
    report.fault(childPointer(`${at}/unified`, name), "must be a file name, without slashes");
  }
}
