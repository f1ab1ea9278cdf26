// `why`: tell what a container waits for or how it ended, or which containers hang.

import { parseDuration } from "../duration.ts";
import { formatStuck, formatWhy } from "../format-why.ts";
import { defineCommand } from "../options.ts";
import { UsageError } from "../usage-error.ts";

export const command = defineCommand({
  name: "why",
  notOfRunc: true,
  describe: "tell what a container waits for, or how it ended",
  usage: "[container-id]",
  details: `Looks at a container and says what it waits for: nobody has called start, a cgroup is frozen, a
process waits uninterruptibly (and in which function of the kernel), a hook runs, or another
command holds its lock. If the container has ended, it says how: its exit status, or the signal
and who sent it; whether the kernel killed it because memory ran out; the system call that
seccomp did not allow; or why it could not be started. It changes nothing.

tsrun remembers how the last 100 containers below a root ended, even after they were deleted.
Where the caller waits for the process itself, as Docker and containerd do, tsrun does not learn
the exit status, and says so.

With --stuck, all containers are looked at, and those that hang are listed.

EXIT STATUS:
0 when nothing is wrong, 2 when something is, or with --stuck when a container hangs. 1 when
nothing is known of the container, or the command fails.

EXAMPLE:
    # $0 why web
    # $0 why --stuck
    # $0 why --stuck --after 5m --json`,
  args: { min: 0, max: 1 },
  argWords: ["container"],
  options: {
    stuck: { type: "boolean", describe: "list all containers that hang, with the next step for each" },
    after: {
      type: "string",
      default: "30s",
      describe: "how long a wait may last before it counts as hanging: for start, a hook, a lock",
    },
    json: { type: "boolean", describe: "print what was found as JSON" },
  },
  run({ globals, host, actions, options, args: [id] }) {
    const { stuck, json } = options;
    const afterMs = parseDuration("after", options.after);
    const format = { json, width: host.terminalWidth() };
    if (stuck === (id !== undefined)) {
      throw new UsageError(stuck ? "--stuck looks at all containers" : "which container?", {
        hint: "name one, or give --stuck to look at all",
      });
    }
    if (id === undefined) {
      const found = actions.whyStuck(globals, { afterMs });
      host.print(formatStuck(found, format));
      return found.reports.length === 0 ? 0 : 2;
    }
    const report = actions.whyContainer(globals, id, { afterMs });
    host.print(formatWhy(report, format));
    return report.wrong ? 2 : 0;
  },
});
