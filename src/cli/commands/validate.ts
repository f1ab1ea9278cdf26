// `validate`: print the faults that `create` would find in a configuration.

import { absoluteIfGiven, readConfigPath } from "../create-options.ts";
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

With --record, also warns of what the configuration gives beyond what the file of
"$0 record" shows was used: system calls, capabilities, writable places.

[bundle] is the directory that holds config.json; without it, the current directory.

EXIT STATUS:
0 when a container could be created from it, 1 when it has faults; with --strict also when
there are warnings.

EXAMPLE:
    # $0 validate /srv/web
    # make-config | $0 validate --config -
    # $0 validate --strict --record web.json /srv/web`,
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
    record: {
      type: "string",
      describe: 'compare with what "record" has written to this file',
      words: "file",
    },
    strict: { type: "boolean", describe: "fail when there are warnings, too" },
    json: { type: "boolean", describe: "print the faults and warnings as JSON" },
  },
  run({ globals, host, actions, options, args: [directory] }) {
    const verdict = actions.validate({
      bundle: absolutePath(directory ?? options.bundle ?? "", host.cwd),
      config: options.config === "-" ? "-" : readConfigPath(options.config, host.cwd),
      systemdCgroup: globals.systemdCgroup,
      recording: absoluteIfGiven(options.record, host.cwd),
    });
    host.print(formatVerdict(verdict, options.json ? "json" : "text"));
    const counted = verdict.faults.length + (options.strict ? verdict.warnings.length : 0);
    return counted > 0 ? 1 : 0;
  },
});
