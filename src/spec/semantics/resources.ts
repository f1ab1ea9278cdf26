// Rules about resource limits, of config.json and of the document that update reads; runtime-spec
// config-linux.md#control-groups. What the kernel itself refuses with a clear errno is left to it.

import { childPointer } from "../json-positions.ts";
import type { Resources } from "../types.ts";
import type { PartRule, Report } from "./report.ts";

export const RESOURCE_RULES: readonly PartRule<Resources>[] = [
  { about: "devices", reads: [], check: devices },
  { about: "memory", reads: ["/memory"], check: memory },
  { about: "cpu", reads: ["/cpu"], check: cpu },
  { about: "unified", reads: ["/unified"], check: unified },
];

function devices(resources: Resources, at: string, report: Report): void {
  const list = `${at}/devices`;
  report.each(resources.devices, list, ({ type = "", access = "" }, index) => {
    if (type !== "" && type !== "a" && type !== "b" && type !== "c") {
      report.fault(`${list}/${index}/type`, `must be "a", "b" or "c", is ${JSON.stringify(type)}`);
    }
    // AS RUNC: a rule about nothing is taken for a slip.
    if (access === "")
      report.fault(`${list}/${index}/access`, 'must not be empty, allowed: letters of "rwm"');
    // AS RUNC: other letters count for nothing, and real callers send "rwa".
    else if (access !== "rwm" && !/[rwm]/.test(access)) {
      report.fault(`${list}/${index}/access`, `must be letters of "rwm", is ${JSON.stringify(access)}`);
    }
  });
}

/** -1 as Go's callers write it into an unsigned field, as near as a JavaScript number comes: not set. */
const UNSET = 2 ** 64;

function memory(resources: Resources, at: string, report: Report): void {
  const { swappiness = 0, limit = 0, swap = 0 } = resources.memory ?? {};
  if (swappiness > 100 && swappiness < UNSET) {
    report.fault(`${at}/memory/swappiness`, `must be from 0 to 100, is ${swappiness}`);
  }
  if (limit > 0 && swap > 0 && swap < limit) {
    const reason = `is memory and swap together: must be at least the limit, ${limit}, is ${swap}`;
    report.fault(`${at}/memory/swap`, reason);
  }
}

function cpu(resources: Resources, at: string, report: Report): void {
  const idle = resources.cpu?.idle ?? 0;
  if (idle !== 0 && idle !== 1) report.fault(`${at}/cpu/idle`, `must be 0 or 1, is ${idle}`);
}

function unified(resources: Resources, at: string, report: Report): void {
  for (const name of Object.keys(resources.unified ?? {})) {
    // Security: it is opened below the container's cgroup, by this name.
    if (name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name)) continue;
    report.fault(childPointer(`${at}/unified`, name), "must be a file name, without slashes");
  }
}
