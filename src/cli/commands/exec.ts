// `exec`: run another process in a container.

import type { ExecOptions } from "../../container/options.ts";
import { absoluteIfGiven, readPreserveFds } from "../create-options.ts";
import { createOptions } from "../flags.ts";
import { type CommandHost, defineCommand, type OptionTable, type Values } from "../options.ts";
import { UsageError } from "../usage-error.ts";

const options = {
  "console-socket": createOptions["console-socket"],
  "pidfd-socket": createOptions["pidfd-socket"],
  cwd: { type: "string", describe: "current working directory in the container" },
  env: { type: "string", alias: "e", array: true, describe: "set an environment variable: NAME=VALUE" },
  tty: { type: "boolean", alias: "t", describe: "give the process a terminal" },
  user: { type: "string", alias: "u", describe: "user and group to run as, in numbers: UID[:GID]" },
  "additional-gids": { type: "string", alias: "g", array: true, describe: "additional group id" },
  process: {
    type: "string",
    alias: "p",
    describe: "path to a file with the process, as JSON",
    words: "file",
  },
  detach: { type: "boolean", alias: "d", describe: "return once the process is started" },
  "pid-file": createOptions["pid-file"],
  "process-label": { type: "string", describe: "SELinux label of the process" },
  apparmor: { type: "string", describe: "AppArmor profile of the process" },
  "no-new-privs": {
    type: "boolean",
    optional: true,
    describe: "set no_new_privs for the process; =false leaves it unset, whatever the container has",
  },
  cap: {
    type: "string",
    alias: "c",
    array: true,
    describe: "add a capability to those of the container's process",
  },
  "preserve-fds": createOptions["preserve-fds"],
  cgroup: {
    type: "string",
    array: true,
    describe: "run in a cgroup below the container's: [CONTROLLER,...:]PATH",
  },
  "ignore-paused": {
    type: "boolean",
    describe: "allow exec in a paused container; it starts when that is resumed",
  },
} as const satisfies OptionTable;

export const command = defineCommand({
  name: "exec",
  describe: "execute a new process in a container",
  usage: "<container-id> <command> [command options]  || --process process.json <container-id>",
  details: `Starts one more process in a created or running container: with another command, but
otherwise as process of config.json describes it; or as the file of --process describes it.

EXIT STATUS:
That of the process; 128 and the number of the signal that ended it; 255 when it could
not be started.

EXAMPLE:
    # $0 exec web ps -ef`,
  args: { min: 1, max: Number.POSITIVE_INFINITY },
  argWords: ["container"],
  stopAfterFirstArg: true,
  failureStatus: 255,
  options,
  run({ globals, host, actions, options: values, args: [id = "", ...args] }) {
    const file = absoluteIfGiven(values.process, host.cwd);
    return actions.execContainer(globals, {
      ...readExecOptions(values, host),
      id,
      args,
      // Read it first: callers delete the file as soon as we return, and some delete it earlier.
      process: file === undefined ? undefined : actions.readProcessFile(file, globals.log),
    });
  },
});

function readExecOptions(
  values: Values<typeof options>,
  { cwd }: CommandHost,
): Omit<ExecOptions, "id" | "args" | "process"> {
  return {
    cwd: values.cwd === "" ? undefined : values.cwd,
    env: values.env ?? [],
    tty: values.tty,
    user: values.user === "" ? undefined : values.user,
    additionalGids: (values["additional-gids"] ?? []).map(readGid),
    capabilities: values.cap ?? [],
    apparmor: values.apparmor === "" ? undefined : values.apparmor,
    processLabel: values["process-label"] === "" ? undefined : values["process-label"],
    noNewPrivs: values["no-new-privs"],
    detach: values.detach,
    pidFile: absoluteIfGiven(values["pid-file"], cwd),
    consoleSocket: absoluteIfGiven(values["console-socket"], cwd),
    pidfdSocket: absoluteIfGiven(values["pidfd-socket"], cwd),
    preserveFds: readPreserveFds(values["preserve-fds"]),
    cgroups: values.cgroup ?? [],
    ignorePaused: values["ignore-paused"],
  };
}

/** AS RUNC: only what is no number at all is a wrong flag; the story checks the range. */
function readGid(value: string): number {
  if (/^-?\d+$/.test(value)) return Number(value);
  throw new UsageError(`invalid value "${value}" for flag -additional-gids: must be a number`);
}
