// `diff`: print what a container has beside what its configuration asks for.

import { formatDiff } from "../format-diff.ts";
import { defineCommand } from "../options.ts";

export const command = defineCommand({
  name: "diff",
  notOfRunc: true,
  describe: "tell what of a container is not as its configuration asks for",
  usage: "<container-id>",
  details: `Compares what a created or running container has with what its configuration asks for: each
limit that is written, read back from its cgroup; device rules; namespaces and id maps; mounts,
their flags, masks, and what else is mounted; user, capabilities, seccomp, labels and limits of the
first process; kernel parameters; network devices. What update has changed is asked for, too. It
changes nothing.

A systemctl daemon-reload, another manager, or a hand at a cgroup file are what makes containers
drift. With --fix, limits and device rules are written again, as update does, and then everything
is compared once more. Nothing else can be changed in a running container: the table says what to
do instead.

What a program may do to itself, and gets no more by, is told apart: a server that gives up root
still is what was asked for.

EXIT STATUS:
0 when nothing differs, 1 when something does, 2 when it cannot be told.

EXAMPLE:
    # $0 diff web
    # $0 diff --fix web
    # $0 diff --json web | jq -r '.differences[].what'`,
  args: { min: 1, max: 1 },
  argWords: ["container"],
  failureStatus: 2,
  options: {
    fix: { type: "boolean", describe: "write limits and device rules again, then compare once more" },
    json: { type: "boolean", describe: "print the differences as JSON" },
  },
  run({ globals, host, actions, options, args: [id = ""] }) {
    const report = actions.diffContainer(globals, id, { fix: options.fix });
    host.print(formatDiff(report, { json: options.json, width: host.terminalWidth() }));
    return report.differs ? 1 : 0;
  },
});
