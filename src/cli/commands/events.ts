// `events`: print a container's resource usage, and when it runs out of memory.

import { TsrunError } from "../../errors.ts";
import { parseDuration } from "../duration.ts";
import { formatEvent } from "../format-event.ts";
import { defineCommand } from "../options.ts";

export const command = defineCommand({
  name: "events",
  describe: "display container events such as OOM notifications, cpu, memory, and IO usage statistics",
  usage: "<container-id>",
  details: `Prints a line of JSON with what the container uses every 5 seconds, and one whenever the
container runs out of memory, until it ends.

EXAMPLE:
    # $0 events --interval 1s web
    # $0 events --stats web`,
  args: { min: 1, max: 1 },
  argWords: ["container"],
  options: {
    interval: {
      type: "string",
      describe: "time between two statistics, as in 500ms or 1m30s",
      default: "5s",
    },
    stats: { type: "boolean", describe: "print the container's statistics once, and exit" },
  },
  run({ globals, host, actions, options: { interval, stats }, args: [id = ""] }) {
    const intervalMs = parseDuration("interval", interval);
    if (intervalMs <= 0) throw new TsrunError("E_USAGE", "duration interval must be greater than 0");
    if (stats) host.print(formatEvent(actions.containerStats(globals, id)));
    else actions.watchContainer(globals, { id, intervalMs, tell: (event) => host.print(formatEvent(event)) });
    return 0;
  },
});
