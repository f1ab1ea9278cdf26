// `checkpoint`: write a running container into files.

import { criuOptions, readCriuOptions, readPageServer, readParentPath } from "../criu-options.ts";
import { defineCommand } from "../options.ts";

export const command = defineCommand({
  name: "checkpoint",
  describe: "checkpoint a running container",
  usage: "<container-id>",
  details: `Saves the state of a running container in files, from which "$0 restore" makes it run
again, here or on another machine. The work is done by criu (criu.org), which must be
installed. The container is gone afterwards, unless --leave-running or --pre-dump is given.

EXAMPLE:
    # $0 checkpoint --image-path /srv/web/images web`,
  args: { min: 1, max: 1 },
  argWords: ["container"],
  options: {
    "image-path": {
      type: "string",
      describe: "path for saving criu image files",
      defaultDescription: "./checkpoint",
      words: "directory",
    },
    ...criuOptions,
    "parent-path": {
      type: "string",
      describe: "path of the previous criu image files in pre-dump, relative to --image-path",
    },
    "leave-running": { type: "boolean", describe: "leave the process running after checkpointing" },
    "tcp-skip-in-flight": { type: "boolean", describe: "skip in-flight tcp connections" },
    "link-remap": { type: "boolean", describe: "allow one to link unlinked files back when possible" },
    "status-fd": {
      type: "number",
      describe: "criu writes \\0 to this FD once lazy-pages is ready",
      default: -1,
      defaultDescription: "none",
    },
    "page-server": { type: "string", describe: "ADDRESS:PORT of the page server" },
    "pre-dump": {
      type: "boolean",
      describe: "dump the container's memory only, leave the container running after this",
    },
  },
  run({ globals, host, actions, options, args: [id = ""] }) {
    actions.checkpointContainer(globals, {
      ...readCriuOptions(options, { imagePath: options["image-path"], cwd: host.cwd }),
      id,
      parentPath: readParentPath(options["parent-path"]),
      leaveRunning: options["leave-running"],
      preDump: options["pre-dump"],
      tcpSkipInFlight: options["tcp-skip-in-flight"],
      linkRemap: options["link-remap"],
      pageServer: readPageServer(options["page-server"]),
      statusFd: options["status-fd"] < 0 ? undefined : options["status-fd"],
    });
    return 0;
  },
});
