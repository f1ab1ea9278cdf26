// `pause`: stop every process of a container.

import { defineCommand } from "../options.ts";

export const command = defineCommand({
  name: "pause",
  describe: "pause suspends all processes inside the container",
  usage: "<container-id>",
  details: `Stops every process of the container, those that exec started included, until
"$0 resume". They keep their memory and their files.

EXAMPLE:
    # $0 pause web`,
  args: { min: 1, max: 1 },
  argWords: ["container"],
  options: {},
  run({ globals, actions, args: [id = ""] }) {
    actions.pauseContainer(globals, id);
    return 0;
  },
});
