// `spec`: write a template for config.json.

import { bundle } from "../flags.ts";
import { defineCommand } from "../options.ts";

export const command = defineCommand({
  name: "spec",
  describe: "create a new specification file",
  usage: "",
  details: `Writes a config.json that runs "sh" in a root file system named rootfs, to be edited.

EXAMPLE:
    # mkdir -p hello/rootfs && cd hello
    # cp /bin/busybox rootfs/sh            (a static one)
    # $0 spec
    # sed -i 's;"sh";"/sh";' config.json
    # $0 run hello

An ordinary user needs --rootless here; root of a user namespace does not.`,
  args: { min: 0, max: 0 },
  options: {
    bundle,
    file: {
      type: "string",
      alias: "f",
      describe: "name of the file, in the bundle (default: config.json)",
      words: "file",
    },
    // Hides the global option of the same name, as in runc.
    rootless: { type: "boolean", describe: "write a configuration that an ordinary user may run" },
  },
  run({ host, actions, options }) {
    actions.writeSpec(options, host.cwd);
    return 0;
  },
});
