// `top`: print what containers use, again and again.

import { TsrunError } from "../../errors.ts";
import { parseDuration } from "../duration.ts";
import { lineOf, pageOf, tableOf } from "../format-top.ts";
import { defineCommand } from "../options.ts";

/** Where nobody says how wide it is: all columns. */
const WIDE = 200;

export const command = defineCommand({
  name: "top",
  notOfRunc: true,
  describe: "show what containers use: processors, memory, processes, disks",
  usage: "[container-id...]",
  details: `Shows a table of all containers that have not ended, or of those that are named, the busiest
first, and draws it again every 2 seconds until q or Ctrl-C. 100 % are one processor. READ/S and
WRITE/S are the traffic with disks. PSI is, for processors, memory and disks, the percent of the last ten
seconds in which some process of the container waited for them, where the kernel measures that
(cgroup v2). Figures that the kernel does not have here are "-".

Where standard output is no terminal, or with --once, one table is printed. With --json there is
a line of JSON for each look.

For the processes of one container, as Docker's top lists them, use "$0 ps".

EXAMPLE:
    # $0 top
    # $0 top --once web db
    # $0 top --json --interval 10s | jq '.containers[].memory'`,
  args: { min: 0, max: Number.POSITIVE_INFINITY },
  argWords: ["container"],
  options: {
    interval: {
      type: "string",
      describe: "time between two looks, as in 500ms or 1m30s",
      default: "2s",
    },
    once: { type: "boolean", describe: "print one table, and exit" },
    json: { type: "boolean", describe: "print a line of JSON for each look" },
  },
  run({ globals, host, actions, options: { interval, once, json }, args: ids }) {
    const intervalMs = parseDuration("interval", interval);
    if (intervalMs <= 0) throw new TsrunError("E_USAGE", "duration interval must be greater than 0");
    const request = { ids, intervalMs };
    const width = host.terminalWidth();
    if (json && !once) {
      actions.watchUsage(globals, { ...request, tell: (usage) => host.print(lineOf(usage, new Date())) });
      return 0;
    }
    if (once || width === undefined || host.env.TERM === "dumb") {
      const usage = actions.usageOnce(globals, request);
      const table = () => `${tableOf(usage, width ?? WIDE).join("\n")}\n`;
      host.print(json ? lineOf(usage, new Date()) : table());
      return 0;
    }
    return actions.showUsage(globals, {
      ...request,
      lay: (usage, size) => pageOf(usage, { ...size, interval }),
    });
  },
});
