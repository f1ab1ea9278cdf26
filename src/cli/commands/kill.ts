// `kill`: send a signal to a container's first process.

import { SIGNAL_NAMES } from "../../linux/numbers/signal-words.ts";
import { forEachMatch } from "../matching.ts";
import { defineCommand } from "../options.ts";
import { parseSignal } from "../signals.ts";

export const command = defineCommand({
  name: "kill",
  describe: "send a signal (default: SIGTERM) to the first process of a container",
  usage: "<container-id> [signal]",
  details: `Sends a signal, given as a name or a number. Without a pid namespace of its own, a
container would outlive its first process; KILL then ends every process of the container.

With --regex, an error with one container is reported, and the others still get the signal;
the exit status is 0.

EXAMPLE:
    # $0 kill web KILL
    # $0 kill --regex '^web-[0-9]+$' TERM`,
  args: { min: 1, max: 2 },
  argWords: ["container", SIGNAL_NAMES],
  stopAfterFirstArg: true,
  options: {
    all: {
      type: "boolean",
      alias: "a",
      describe: "obsolete: a container that has stopped is no error",
      hidden: true,
    },
    regex: {
      type: "boolean",
      alias: "r",
      describe: "signal every container whose id matches: an extended regular expression, regex(7)",
    },
  },
  run({ globals, actions, options: { all, regex }, args: [id = "", word = ""] }) {
    const signal = parseSignal(word === "" ? "TERM" : word);
    if (regex) {
      forEachMatch({ globals, actions }, id, (each) =>
        actions.killContainer(globals, { id: each, signal, all }),
      );
    } else actions.killContainer(globals, { id, signal, all });
    return 0;
  },
});
