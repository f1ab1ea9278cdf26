// `state`: print a container's state as JSON.

import { formatState } from "../format-state.ts";
import { defineCommand } from "../options.ts";

export const command = defineCommand({
  name: "state",
  describe: "output the state of a container",
  usage: "<container-id>",
  details: `Prints the state of a container as JSON: its status (creating, created, running, paused
or stopped), the host's pid of its first process (0 when that has ended), its bundle,
root file system, time of creation and annotations.`,
  args: { min: 1, max: 1 },
  argWords: ["container"],
  options: {},
  run({ globals, host, actions, args: [id = ""] }) {
    host.print(formatState(actions.containerState(globals, id)));
    return 0;
  },
});
