// `record`: run a container, and tell what it used.

import type { RecordOptions } from "../../record/record.ts";
import { absoluteIfGiven, readCreateOptions } from "../create-options.ts";
import { parseDuration } from "../duration.ts";
import { createOptions } from "../flags.ts";
import { formatRecording } from "../format-recording.ts";
import { type CommandHost, defineCommand, type Values } from "../options.ts";
import { absolutePath } from "../paths.ts";
import { UsageError } from "../usage-error.ts";

const { config, "no-pivot": noPivot, "no-new-keyring": noNewKeyring, "preserve-fds": fds } = createOptions;

const OPTIONS = {
  bundle: createOptions.bundle,
  config,
  id: { type: "string", describe: "the container's id", defaultDescription: "record- and tsrun's pid" },
  output: { type: "string", alias: "o", describe: "write what was recorded to this file", words: "file" },
  merge: {
    type: "string",
    array: true,
    describe: "add what this file of an earlier run has; may be repeated",
    words: "file",
  },
  "write-config": {
    type: "string",
    describe: "write the configuration with what was learnt to this file",
    words: "file",
  },
  for: {
    type: "string",
    describe: "end the program after this time, such as 30s: first SIGTERM, then SIGKILL",
  },
  "no-pivot": noPivot,
  "no-new-keyring": noNewKeyring,
  "preserve-fds": fds,
} as const;

export const command = defineCommand({
  name: "record",
  notOfRunc: true,
  describe: "run a container, and tell what it used",
  usage: "[bundle]",
  details: `Runs a container as "$0 run" does, and tells which system calls it made, which capabilities it
used, and where it wrote: what it needs, so that the next one can have less. Everything is as
in its configuration; each system call takes longer, since $0 is told of it.

--output writes a document with a seccomp profile that allows just the calls that were made,
and those that a runtime makes to start the program. --write-config writes the configuration
with that profile, with the capabilities that were used, and read-only where nothing was
written. What one run does not do is not in it: add more runs by --merge. With --merge and no
bundle nothing runs. "$0 validate --record FILE" tells what a configuration has beyond it.

The filter of a program that runs cannot be changed: a running container cannot be recorded.
Of processes that "$0 exec" starts meanwhile only the written paths are recorded. To know what they
use, run their program by --config, and add it by --merge.

EXIT STATUS:
That of the container's process, as of "$0 run".

EXAMPLE:
    # $0 record --output web.json /srv/web
    # $0 record --for 30s --merge web.json --output web.json /srv/web
    # $0 record --write-config /srv/web/recorded.json /srv/web
    # $0 run --bundle /srv/web --config /srv/web/recorded.json web`,
  args: { min: 0, max: 1 },
  argWords: ["directory"],
  options: OPTIONS,
  run({ globals, host, actions, options, args: [name] }) {
    const request = readRecordOptions(name ?? options.bundle, options, host);
    if (request.create !== undefined) host.prepareRoot(globals);
    const { recording, status } = actions.recordContainer(globals, request);
    // What the container prints goes to stdout.
    const width = host.terminalWidth();
    host.printError(formatRecording(recording, { width, output: options.output }));
    return status;
  },
});

function readRecordOptions(
  bundle: string | undefined,
  options: Values<typeof OPTIONS>,
  host: CommandHost,
): RecordOptions {
  const { merge, for: time } = options;
  const id = options.id ?? `record-${host.pid}`;
  const given = { ...options, bundle, "console-socket": undefined, "pidfd-socket": undefined };
  const onlyMerges = bundle === undefined && merge.length > 0;
  if (onlyMerges && options["write-config"] !== undefined) {
    throw new UsageError("--write-config needs a bundle, whose configuration it writes");
  }
  return {
    word: bundle,
    create: onlyMerges ? undefined : readCreateOptions(id, { ...given, "pid-file": undefined }, host),
    merge: merge.map((path) => absolutePath(path, host.cwd)),
    output: absoluteIfGiven(options.output, host.cwd),
    writeConfig: absoluteIfGiven(options["write-config"], host.cwd),
    endAfterMs: time === undefined ? undefined : parseDuration("for", time),
  };
}
