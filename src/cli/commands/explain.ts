// `explain`: print in words what is done for a container.

import type { ExplainOptions } from "../../explain/explain.ts";
import type { Explanation } from "../../explain/model.ts";
import type { Actions } from "../actions.ts";
import { readPreserveFds } from "../create-options.ts";
import { bundle, createOptions } from "../flags.ts";
import { formatExplanation } from "../format-explanation.ts";
import { defineCommand, type Globals } from "../options.ts";
import { absolutePath } from "../paths.ts";

export const command = defineCommand({
  name: "explain",
  notOfRunc: true,
  describe: "describe what is done for a container",
  usage: "[bundle | container-id]",
  details: `Describes what "$0 create" will do with a bundle, or did for an existing container, step by
step: each namespace and what it hides, each mount with its flags, each limit and the file
it is written to, what is given up and why, and then the command. The text is made from the
plan that create carries out. Nothing is made, and no privileges are needed.

With --syscalls, the system calls of each step are shown below it, each with its number in
the order of all calls and the process that makes it: $0 itself; its first child, which
makes the namespaces; or init, the container's first process. The calls come from the code
of create, run with a process that only notes them.

The argument is a container's id, or else a bundle; one with a slash is always a bundle.
Without an argument, the bundle is the current directory.

With --json, each row has the JSON pointer of the setting that asks for it, and "sources" has
its lines of the file. "differs" tells how a row differs from the configuration that "$0 spec"
writes: "wider" is what lets the container reach more, "narrower" what lets it reach less.

EXAMPLE:
    # $0 explain /srv/web
    # $0 explain --syscalls web
    # $0 explain --json . | jq '.sections[] | select(.topic == "mounts")'`,
  args: { min: 0, max: 1 },
  argWords: ["container or bundle"],
  options: {
    bundle,
    syscalls: { type: "boolean", describe: "show each system call too, as strace would print it" },
    json: { type: "boolean", describe: "print the description as JSON" },
    "no-pivot": { ...createOptions["no-pivot"], describe: "as if create was called with it" },
    "no-new-keyring": { ...createOptions["no-new-keyring"], describe: "as if create was called with it" },
    "preserve-fds": { ...createOptions["preserve-fds"], describe: "as if create was called with it" },
  },
  run({ globals, host, actions, options, args: [name] }) {
    const explanation = explain(actions, globals, {
      bundle: absolutePath(options.bundle ?? name ?? "", host.cwd),
      id: name === undefined || name.includes("/") || options.bundle !== undefined ? undefined : name,
      noPivot: options["no-pivot"],
      noNewKeyring: options["no-new-keyring"],
      preserveFds: readPreserveFds(options["preserve-fds"]),
      syscalls: options.syscalls,
      sources: options.json,
    });
    host.print(formatExplanation(explanation, options.json ? "json" : "text"));
    return 0;
  },
});

interface Subject extends ExplainOptions {
  readonly bundle: string;
  /** The argument, if it may be a container's id. */
  readonly id: string | undefined;
}

/** A container takes precedence: a bundle of the same name can be given with a slash. */
function explain(actions: Actions, globals: Globals, subject: Subject): Explanation {
  const { bundle: path, id, ...options } = subject;
  if (id !== undefined && actions.isContainer(globals, id, path)) {
    return actions.explainContainer(globals, id, options);
  }
  return actions.explainBundle(globals, path, options);
}
