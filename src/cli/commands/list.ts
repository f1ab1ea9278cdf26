// `list`: the containers under the state root.

import { TsrunError } from "../../errors.ts";
import { formatList } from "../format-state.ts";
import { defineCommand } from "../options.ts";

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
    format: {
      type: "string",
      alias: "f",
      describe: "table or json",
      default: "table",
      words: ["table", "json"],
    },
    quiet: { type: "boolean", alias: "q", describe: "print the ids only, one a line" },
  },
  async run({ globals, host, options: { format, quiet } }) {
    if (format !== "table" && format !== "json") {
      throw new TsrunError("E_USAGE", "invalid format option", { hint: "there are table and json" });
    }
    const { listContainers } = await import("../../container/list.ts");
    const { entries, problems } = listContainers(globals, globals);
    // AS RUNC: what cannot be read is told, the others are listed, and that is a success.
    for (const problem of problems) host.printError(`${problem}\n`);
    host.print(formatList(entries, quiet ? "ids" : format));
    return 0;
  },
});
