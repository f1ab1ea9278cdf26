// `delete`: remove everything that a container leaves.

import { forEachMatch } from "../matching.ts";
import { defineCommand } from "../options.ts";

export const command = defineCommand({
  name: "delete",
  describe: "delete a container and all that it holds",
  usage: "<container-id>",
  details: `Removes the state and the cgroups of a container whose process has ended, or was never
started. A running container is refused, unless --force is given. With --regex, an error with
one container is reported, and the others are still deleted; the exit status is 0.

EXAMPLE:
    # $0 delete web
    # $0 delete --force --regex '^test-'`,
  args: { min: 1, max: 1 },
  argWords: ["container"],
  options: {
    force: {
      type: "boolean",
      alias: "f",
      describe: "kill the container first (SIGKILL); no error when there is no such container",
    },
    regex: {
      type: "boolean",
      alias: "r",
      describe: "delete every container whose id matches: an extended regular expression, regex(7)",
    },
  },
  run({ globals, actions, options: { force, regex }, args: [id = ""] }) {
    if (regex) {
      forEachMatch({ globals, actions }, id, (each) => actions.deleteContainer(globals, { id: each, force }));
    } else actions.deleteContainer(globals, { id, force });
    return 0;
  },
});
