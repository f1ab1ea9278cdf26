// `explain`: print in words what is done for a container.

import type { ExplainOptions } from "../../explain/explain.ts";
import type { Explanation } from "../../explain/model.ts";
import { page } from "../../explain/page/page.ts";
import { readTrace } from "../../explain/page/trace-events.ts";
import type { Actions } from "../actions.ts";
import { readPreserveFds } from "../create-options.ts";
import { bundle, createOptions } from "../flags.ts";
import { formatExplanation } from "../format-explanation.ts";
import { formatTimes } from "../format-times.ts";
import { defineCommand, type Globals } from "../options.ts";
import { absolutePath } from "../paths.ts";
import { UsageError } from "../usage-error.ts";
import { VERSION } from "../version.ts";

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

With --html, the same is written as one page for a browser, with a picture of the container
beside the words. It needs no network and runs no script. What differs from the default has a
colour and a sign, and the lines of config.json that ask for something are shown when you
point at it, or reach it with the Tab key. The values of all variables are in it.

The argument is a container's id, or else a bundle; one with a slash is always a bundle.
Without an argument, the bundle is the current directory.

With --json, each row has the JSON pointer of the setting that asks for it, and "sources" has
its lines of the file. "differs" tells how a row differs from the configuration that "$0 spec"
writes: "wider" is what lets the container reach more, "narrower" what lets it reach less.

With --times, the argument of that option is a file that --trace has written, and the text says
where its command spent its time, the largest part first: computing, in system calls or waiting;
by phase; by call, those inside the container too; and the longest single events. For this,
record the command that is slow: nothing is made here. A trace is written when its command ends,
also when it fails; a signal that ends it leaves the file empty.

EXAMPLE:
    # $0 explain /srv/web
    # $0 explain --syscalls web
    # $0 explain --html web.html web
    # $0 --trace create.json create --bundle /srv/web web
    # $0 explain --times create.json
    # $0 explain --json . | jq '.sections[] | select(.topic == "mounts")'`,
  args: { min: 0, max: 1 },
  argWords: ["container or bundle"],
  options: {
    bundle,
    syscalls: { type: "boolean", describe: "show each system call too, as strace would print it" },
    times: {
      type: "string",
      describe: "print where the time went in this trace, which --trace has written",
      words: "file",
    },
    json: { type: "boolean", describe: "print the description as JSON" },
    html: {
      type: "string",
      describe: "write a page with a picture instead; - is standard output",
      words: "file",
    },
    timeline: {
      type: "string",
      describe: "show this trace in the page, as --trace has written it",
      words: "file",
    },
    "no-pivot": { ...createOptions["no-pivot"], describe: "as if create was called with it" },
    "no-new-keyring": { ...createOptions["no-new-keyring"], describe: "as if create was called with it" },
    "preserve-fds": { ...createOptions["preserve-fds"], describe: "as if create was called with it" },
  },
  run({ globals, host, actions, options, args: [name], program }) {
    const { html, timeline } = options;
    checkTogether(options);
    if (options.times !== undefined) {
      if (name !== undefined || options.bundle !== undefined || html !== undefined)
        throw new UsageError(ALONE);
      const times = actions.readTimes(options.times);
      host.print(formatTimes(times, { json: options.json, width: host.terminalWidth() }));
      return 0;
    }
    // Before the work, which would be for nothing.
    const trace = timeline === undefined ? undefined : absolutePath(timeline, host.cwd);
    const events = trace === undefined ? undefined : readTrace(actions.readTraceFile(trace), trace);
    const explanation = explain(actions, globals, {
      bundle: absolutePath(options.bundle ?? name ?? "", host.cwd),
      id: name === undefined || name.includes("/") || options.bundle !== undefined ? undefined : name,
      noPivot: options["no-pivot"],
      noNewKeyring: options["no-new-keyring"],
      preserveFds: readPreserveFds(options["preserve-fds"]),
      syscalls: options.syscalls,
      sources: options.json || html !== undefined,
    });
    if (html !== undefined) {
      const text = page({ explanation, trace: events, program: `${program} ${VERSION}` });
      if (html === "-") host.print(text);
      else actions.writePage(absolutePath(html, host.cwd), text);
      return 0;
    }
    host.print(formatExplanation(explanation, options.json ? "json" : "text", host.terminalWidth()));
    return 0;
  },
});

function checkTogether({ html, timeline, json }: PageOptions): void {
  if (html !== undefined && json) {
    throw new UsageError("cannot give --html and --json together: the output is either a page or JSON");
  }
  if (html === "") throw new UsageError("--html needs the name of a file, or - for standard output");
  if (timeline !== undefined && html === undefined) {
    throw new UsageError("--timeline is for the page that --html writes", {
      hint: "add --html FILE",
    });
  }
}

interface PageOptions {
  readonly html: string | undefined;
  readonly timeline: string | undefined;
  readonly json: boolean;
}
const ALONE = "--times names a trace: no bundle, container or page belongs to it";

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
