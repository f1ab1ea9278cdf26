// `mounts`: add mounts to an existing container, and remove them.

import { defineCommand } from "../options.ts";
import { absolutePath } from "../paths.ts";
import { UsageError } from "../usage-error.ts";

const ACTIONS = ["add", "remove"] as const;

export const command = defineCommand({
  name: "mounts",
  notOfRunc: true,
  describe: "add mounts to a container that is there, or remove them",
  usage: "add|remove <container-id> <file>",
  details: `Mounts directories and files of the host, or a tmpfs, in a container that was created, runs
or is paused. The file holds a list such as mounts of config.json has, as JSON; "-" is
standard input. Either everything is mounted afterwards, or nothing has changed.

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
    else throw new UsageError(`unknown command "${action}" of mounts: there are add and remove`);
    return 0;
  },
});
