// `gc`: show what was left behind, and remove it.

import { formatGc } from "../format-gc.ts";
import { defineCommand } from "../options.ts";

export const command = defineCommand({
  name: "gc",
  notOfRunc: true,
  describe: "show what killed commands and crashed machines left behind, and remove it",
  usage: "",
  details: `Looks below --root for containers whose create was killed before they were complete, containers of
earlier boots of the machine, files that a command was writing when it was killed, first
processes that still wait although their state was removed, and cgroups that delete --force could
not remove. Only what is certainly tsrun's and belongs to no living container is garbage. Each
item is shown with the reason, and removed with --yes. poststop hooks run, as in delete.

EXIT STATUS:
0 when there is no garbage, or all of it was removed; 2 when there is some, without --yes; 1
when some could not be removed.

EXAMPLE:
    # $0 gc
    # $0 gc --yes
    # $0 --root /run/containerd/runc/k8s.io gc --json`,
  args: { min: 0, max: 0 },
  options: {
    yes: { type: "boolean", alias: "y", describe: "remove what is found" },
    json: { type: "boolean", describe: "print what is found as JSON" },
  },
  run({ globals, host, actions, options: { yes, json } }) {
    const report = actions.collectGarbage(globals, { removes: yes });
    host.print(formatGc(report, { json, width: host.terminalWidth() }));
    if (!yes) return report.garbage.length === 0 ? 0 : 2;
    return report.garbage.some(({ failure }) => failure !== undefined) ? 1 : 0;
  },
});
