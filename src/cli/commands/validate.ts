// `validate`: print the faults that `create` would find in a configuration.

import { absoluteIfGiven } from "../create-options.ts";
import { bundle } from "../flags.ts";
import { formatVerdict } from "../format-verdict.ts";
import { defineCommand } from "../options.ts";
import { absolutePath } from "../paths.ts";

export const command = defineCommand({
  name: "validate",
  notOfRunc: true,
  describe: "check a configuration without running it",
  usage: "[bundle]",
  details: `Checks the config.json of a bundle as "$0 create" does, and makes nothing. Prints every
fault: its place in the file, its JSON pointer, what is wrong, and what may have been
meant. Also prints the keys that $0 does not know and ignores.

[bundle] is the directory that holds config.json; without it, the current directory.

EXIT STATUS:
0 when a container could be created from it, 1 when it has faults.

EXAMPLE:
    # $0 validate /srv/web
    # make-config | $0 validate --config -`,
  args: { min: 0, max: 1 },
  argWords: ["directory"],
  options: {
    bundle,
    config: {
      type: "string",
      alias: "c",
      describe: "check this file instead, without a bundle; - is standard input",
      words: "file",
    },
    json: { type: "boolean", describe: "print the faults and warnings as JSON" },
  },
  run({ globals, host, actions, options, args: [directory] }) {
    const verdict = actions.validate({
      bundle: absolutePath(directory ?? options.bundle ?? "", host.cwd),
      config: options.config === "-" ? "-" : absoluteIfGiven(options.config, host.cwd),
      systemdCgroup: globals.systemdCgroup,
    });
    host.print(formatVerdict(verdict, options.json ? "json" : "text"));
    return verdict.faults.length > 0 ? 1 : 0;
  },
});
