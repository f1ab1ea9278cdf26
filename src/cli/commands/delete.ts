// `delete`: remove what a container leaves.

import { defineCommand } from "../options.ts";

export const command = defineCommand({
  name: "delete",
  describe: "delete a container and all that it holds",
  usage: "<container-id>",
  details: `Removes the state and the cgroups of a container whose process has ended, or was never
started. A running container is refused, unless --force is given.

EXAMPLE:
    # $0 delete web`,
  args: { min: 1, max: 1 },
  argWords: ["container"],
  options: {
    force: {
      type: "boolean",
      alias: "f",
      describe: "kill the container first (SIGKILL); no error when there is no such container",
    },
  },
  run({ globals, actions, options, args: [id = ""] }) {
    actions.deleteContainer(globals, { id, force: options.force });
    return 0;
  },
});
