// `list`: the containers under the state root.

import { listFormat } from "../flags.ts";
import { formatList } from "../format-state.ts";
import { visible } from "../log.ts";
import { defineCommand } from "../options.ts";
import { readFormat } from "../read-format.ts";

export const command = defineCommand({
  name: "list",
  describe: "list the containers under the given root",
  usage: "",
  details: `Lists the containers whose state is under --root.

EXAMPLE:
    # $0 list
    # $0 --root /run/other list --format json`,
  args: { min: 0, max: 0 },
  options: {
    format: listFormat,
    quiet: { type: "boolean", alias: "q", describe: "print the ids only, one a line" },
  },
  run({ globals, host, actions, options }) {
    const format = readFormat(options.format);
    const { entries, problems, incomplete } = actions.listContainers(globals, globals);
    // AS RUNC: what is damaged is told, the others are listed, and that is a success: one damaged container
    // must not hide all others from callers that read nothing of a command that has failed.
    // DIFFERS: runc says 0 too where it is itself out of descriptors, and its caller takes containers for
    // gone.
    for (const problem of problems) host.printError(`${visible(problem)}\n`);
    host.print(formatList(entries, options.quiet ? "ids" : format));
    return incomplete ? 1 : 0;
  },
});
