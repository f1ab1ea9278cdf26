// `mounts`: add mounts to an existing container, and remove them.

import { defineCommand } from "../options.ts";
import { absolutePath } from "../paths.ts";
import { UsageError } from "../usage-error.ts";

const ACTIONS = ["add", "remove"] as const;

export const command = defineCommand({
  name: "mounts",
  notOfRunc: true,
  describe: "add mounts to an existing container, or remove them",
  usage: "add|remove <container-id> <file>",
  details: `Mounts directories and files of the host, or a tmpfs, in a created, running or paused
container. The file holds a JSON list like mounts of config.json; "-" is standard input.
If one of the mounts fails, none is made.

"remove" unmounts what "add" has mounted at these destinations, and nothing else; of each
entry only the destination counts. Programs that have files open there keep them.

EXAMPLE:
    # echo '[{"destination": "/data", "source": "/srv/data", "options": ["rbind", "ro"]}]' >m.json
    # $0 mounts add web m.json
    # $0 mounts remove web m.json`,
  args: { min: 3, max: 3 },
  argWords: [ACTIONS, "container", "file"],
  options: {},
  run({ globals, host, actions, args: [action = "", id = "", path = ""] }) {
    const file = path === "-" ? path : absolutePath(path, host.cwd);
    if (action === "add") actions.addMounts(globals, { id, file });
    else if (action === "remove") actions.removeMounts(globals, { id, file });
    else throw new UsageError(`unknown command "${action}" of mounts: use add or remove`);
    return 0;
  },
});
