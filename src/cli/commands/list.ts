// `list`: list the containers under the state root.

import type { ContainerList } from "../../container/list.ts";
import { extendedRegExp } from "../extended-regexp.ts";
import { listFormat } from "../flags.ts";
import { formatIds, formatList } from "../format-state.ts";
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
    regex: {
      type: "string",
      alias: "r",
      describe: "only containers whose id matches: an extended regular expression, regex(7)",
    },
  },
  run({ globals, host, actions, options }) {
    const format = readFormat(options.format);
    const matches = options.regex === undefined ? undefined : extendedRegExp(options.regex);
    const wanted = { rootIsDefault: globals.rootIsDefault, matches };
    const { text, problems, incomplete } = options.quiet
      ? formatted(actions.listContainerIds(globals, wanted), formatIds)
      : formatted(actions.listContainers(globals, wanted), (states) => formatList(states, format));
    // AS RUNC: damaged containers are reported, the others are listed, and the command succeeds: one damaged
    // container must not hide the others from callers that ignore the output of a failed command.
    // DIFFERS: runc also returns 0 if it runs out of descriptors itself, and its caller then believes that
    // containers are gone.
    for (const problem of problems) host.printError(`${visible(problem)}\n`);
    host.print(text);
    return incomplete ? 1 : 0;
  },
});

function formatted<Entry>(
  { entries, ...rest }: ContainerList<Entry>,
  format: (entries: readonly Entry[]) => string,
): { text: string } & Omit<ContainerList<Entry>, "entries"> {
  return { text: format(entries), ...rest };
}
