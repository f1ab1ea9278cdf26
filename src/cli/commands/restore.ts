// `restore`: make a container from the files that `checkpoint` has written.

import { absoluteIfGiven } from "../create-options.ts";
import { criuOptions, readCriuOptions } from "../criu-options.ts";
import { createOptions } from "../flags.ts";
import { readNotifySocket } from "../handed-down.ts";
import { defineCommand } from "../options.ts";
import { absolutePath } from "../paths.ts";

export const command = defineCommand({
  name: "restore",
  describe: "restore a container from a previous checkpoint",
  usage: "<container-id>",
  details: `Restores a container that "$0 checkpoint" has saved, under the same or another id, from
the same bundle or one like it. The work is done by criu (criu.org), which must be
installed.

EXIT STATUS:
That of the container's process; 128 and the number of the signal that ended it; 1 when
the container could not be restored; 0 with --detach.

EXAMPLE:
    # $0 restore --detach --image-path /srv/web/images --bundle /srv/web web`,
  args: { min: 1, max: 1 },
  options: {
    bundle: createOptions.bundle,
    "console-socket": createOptions["console-socket"],
    "pid-file": createOptions["pid-file"],
    "no-pivot": createOptions["no-pivot"],
    detach: { type: "boolean", alias: "d", describe: "detach from the container's process" },
    "no-subreaper": {
      type: "boolean",
      describe: "do not become the parent of processes that the container's process leaves behind",
    },
    "image-path": {
      type: "string",
      describe: "path to criu image files for restoring",
      defaultDescription: "./checkpoint",
      words: "directory",
    },
    ...criuOptions,
    "tcp-close": { type: "boolean", describe: "restore tcp connections as closed ones" },
    "lsm-profile": {
      type: "string",
      describe: "LSM profile to be used during restore, in the form TYPE:NAME",
    },
    "lsm-mount-context": { type: "string", describe: "LSM mount context to be used during restore" },
    // conmon passes the first, go-runc may pass the second. Neither matters: the restored container has its
    // keyring, and its images name the previous dumps.
    "no-new-keyring": { type: "boolean", describe: "accepted and ignored", hidden: true },
    "parent-path": { type: "string", describe: "accepted and ignored", hidden: true },
  },
  run({ globals, host, actions, options, args: [id = ""] }) {
    const images = readCriuOptions(options, { imagePath: options["image-path"], cwd: host.cwd });
    host.prepareRoot(globals);
    return actions.restoreContainer(globals, {
      ...images,
      id,
      bundle: absolutePath(options.bundle ?? "", host.cwd),
      pidFile: absoluteIfGiven(options["pid-file"], host.cwd),
      consoleSocket: absoluteIfGiven(options["console-socket"], host.cwd),
      detach: options.detach,
      noPivot: options["no-pivot"],
      noSubreaper: options["no-subreaper"],
      notifySocket: readNotifySocket(host.env),
      tcpClose: options["tcp-close"],
      lsmProfile: options["lsm-profile"] === "" ? undefined : options["lsm-profile"],
      lsmMountContext: options["lsm-mount-context"] === "" ? undefined : options["lsm-mount-context"],
    });
  },
});
