// `kill`: send a signal to a container's first process.

import { defineCommand } from "../options.ts";
import { parseSignal, SIGNAL_NAMES } from "../signals.ts";

export const command = defineCommand({
  name: "kill",
  describe: "send a signal (default: SIGTERM) to the first process of a container",
  usage: "<container-id> [signal]",
  details: `Sends a signal, given as a name or a number. A container without a pid namespace of its
own would outlive its first process: there, KILL ends every process of the container.

EXAMPLE:
    # $0 kill web KILL`,
  args: { min: 1, max: 2 },
  argWords: ["container", SIGNAL_NAMES],
  stopAfterFirstArg: true,
  options: {
    all: {
      type: "boolean",
      alias: "a",
      describe: "obsolete: only makes it no error that the container has stopped",
      hidden: true,
    },
  },
  run({ globals, actions, options, args: [id = "", signal = ""] }) {
    actions.killContainer(globals, {
      id,
      signal: parseSignal(signal === "" ? "TERM" : signal),
      all: options.all,
    });
    return 0;
  },
});
