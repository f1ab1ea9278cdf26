// `ps`: list the processes of a container.

import { listFormat } from "../flags.ts";
import { formatPids, formatProcessTable } from "../format-processes.ts";
import { defineCommand } from "../options.ts";
import { readFormat } from "../read-format.ts";

export const command = defineCommand({
  name: "ps",
  describe: "displays the processes running inside a container",
  usage: "<container-id> [ps options]",
  details: `Calls ps(1), with -ef unless other options are given, and shows the lines about the
processes of the container. Pids are the host's. With --format json it prints an array
of pids and does not need ps.

EXAMPLE:
    # $0 ps web
    # $0 ps web aux`,
  args: { min: 1, max: Number.POSITIVE_INFINITY },
  argWords: ["container"],
  stopAfterFirstArg: true,
  options: { format: listFormat },
  run({ globals, host, actions, options, args: [id = "", ...psOptions] }) {
    const format = readFormat(options.format);
    const pids = actions.containerProcesses(globals, id);
    if (format === "json") host.print(formatPids(pids));
    else host.print(formatProcessTable(actions.runPs(psOptions.length === 0 ? ["-ef"] : psOptions), pids));
    return 0;
  },
});
