// `start`: let a created container's process execute its program.

import { readNotifySocket } from "../handed-down.ts";
import { defineCommand } from "../options.ts";

export const command = defineCommand({
  name: "start",
  describe: "start the process of a created container",
  usage: "<container-id>",
  details: `Lets the waiting process of a created container execute the program that process.args
of its config.json names. When that cannot be executed, $0 says why.`,
  args: { min: 1, max: 1 },
  argWords: ["container"],
  options: {},
  run({ globals, host, actions, args: [id = ""] }) {
    actions.startContainer(globals, id, { notifySocket: readNotifySocket(host.env) });
    return 0;
  },
});
