// `create`: make a container whose process waits for `start`.

import { readCreateOptions } from "../create-options.ts";
import { createOptions } from "../flags.ts";
import { defineCommand } from "../options.ts";

export const command = defineCommand({
  name: "create",
  describe: "create a container",
  usage: "<container-id>",
  details: `Creates a container from a bundle: a directory with a config.json and a root file
system. Its first process is set up, and waits; "$0 start" lets it execute the
program that process.args of config.json names.

<container-id> is the name you give to the container. No other container under the
same --root may have it.

EXAMPLE:
    # $0 create --bundle /srv/web --pid-file /run/web.pid web`,
  args: { min: 1, max: 1 },
  options: {
    ...createOptions,
    // go-runc may pass it; a created container is always detached.
    detach: { type: "boolean", alias: "d", describe: "accepted and ignored", hidden: true },
    // crun accepts it here too.
    "no-subreaper": { type: "boolean", describe: "accepted and ignored", hidden: true },
  },
  run({ globals, host, actions, options, args: [id = ""] }) {
    host.prepareRoot(globals);
    actions.createContainer(globals, readCreateOptions(id, options, host), { foreground: false });
    return 0;
  },
});
