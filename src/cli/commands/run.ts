// `run`: create and start a container, and stay in the foreground until its first process has ended.

import { readCreateOptions } from "../create-options.ts";
import { createOptions } from "../flags.ts";
import { defineCommand } from "../options.ts";

export const command = defineCommand({
  name: "run",
  describe: "create and run a container",
  usage: "<container-id>",
  details: `Creates a container from a bundle, as "$0 create" does, starts it, and stays until its
first process has ended. Then the container is deleted.

EXIT STATUS:
That of the container's process; 128 and the number of the signal that ended it; 1 when
the container could not be run.

EXAMPLE:
    # $0 run --bundle /srv/web web`,
  args: { min: 1, max: 1 },
  options: {
    ...createOptions,
    detach: { type: "boolean", alias: "d", describe: "return once the container's process is started" },
    keep: { type: "boolean", describe: "do not delete the container after its process has ended" },
    "no-subreaper": {
      type: "boolean",
      describe: "do not become the parent of processes that the container's process leaves behind",
    },
  },
  run({ globals, host, actions, options, args: [id = ""] }) {
    host.prepareRoot(globals);
    return actions.runContainer(globals, {
      ...readCreateOptions(id, options, host),
      detach: options.detach,
      keep: options.keep,
      noSubreaper: options["no-subreaper"],
    });
  },
});
