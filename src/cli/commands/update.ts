// `update`: change the limits of a container while it runs.

import { ignoredLimits } from "../../spec/semantics/resources.ts";
import { defineCommand } from "../options.ts";
import { absolutePath } from "../paths.ts";
import { limitOptions, readLimits } from "../update-options.ts";

export const command = defineCommand({
  name: "update",
  describe: "update container resource constraints",
  usage: "<container-id>",
  details: `Changes limits of a running, paused or created container. Options that you leave out keep
their current value. If one limit cannot be set, none is changed.

--resources takes the same object as linux.resources of config.json, from a file or, with
"-", from standard input; all other flags are ignored then. Its device rules replace those
of the container, except the rules that every container has; runc ignores device rules.

EXAMPLE:
    # $0 update --memory 512M --pids-limit 100 web
    # echo '{"cpu": {"quota": 50000, "period": 100000}}' | $0 update --resources - web`,
  args: { min: 1, max: 1 },
  argWords: ["container"],
  options: {
    resources: {
      type: "string",
      alias: "r",
      describe: "path to a file with the resources to update, or - for standard input",
      words: "file",
    },
    ...limitOptions,
    "l3-cache-schema": { type: "string", describe: "Intel RDT/CAT L3 cache schema" },
    "mem-bw-schema": { type: "string", describe: "Intel RDT/MBA memory bandwidth schema" },
  },
  run({ globals, host, actions, options, args: [id = ""] }) {
    const { resources: path = "" } = options;
    const fromFile = (): string => (path === "-" ? path : absolutePath(path, host.cwd));
    const asked = path === "" ? readLimits(options) : actions.readResources(fromFile(), globals.log);
    const { "l3-cache-schema": l3CacheSchema = "", "mem-bw-schema": memBwSchema = "" } = options;
    actions.updateContainer(globals, id, { resources: asked, rdt: { l3CacheSchema, memBwSchema } });
    for (const { pointer, message } of ignoredLimits(asked)) globals.log.warning(`${pointer}: ${message}`);
    return 0;
  },
});
