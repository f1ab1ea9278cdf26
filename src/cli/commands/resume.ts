// `resume`: let the processes of a paused container run again.

import { defineCommand } from "../options.ts";

export const command = defineCommand({
  name: "resume",
  describe: "resumes all processes that have been previously paused",
  usage: "<container-id>",
  details: `Lets the processes of a container run again after "$0 pause".

EXAMPLE:
    # $0 resume web`,
  args: { min: 1, max: 1 },
  argWords: ["container"],
  options: {},
  run({ globals, actions, args: [id = ""] }) {
    actions.resumeContainer(globals, id);
    return 0;
  },
});
