// The eight commands whose allocations are refused, and what must hold after one of them has failed or
// succeeded.

import type { CallOptions, Container } from "../support/container.ts";
import { mustSucceed } from "../support/container.ts";
import type { Result } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

export interface Command {
  readonly name: string;
  /** The container's program, a shell script. */
  readonly script: string;
  /** AS RUNC: the exit status of exec's own failures, which differs from its program's. */
  readonly failureStatus?: number;
  /** Prepares each try. */
  readonly prepare: (box: Container) => Promise<void>;
  /** The container exists before and after, and is used for all tries. */
  readonly shared?: boolean;
  /** The command makes the container: after a failure there must be none. */
  readonly makes?: boolean;
  readonly call: (box: Container, options: CallOptions) => Promise<Result>;
  /** Returns what is wrong after a successful command; `undefined` if nothing is. */
  readonly done: (box: Container, result: Result) => Promise<string | undefined>;
  /** Returns what is wrong after a command that failed with E_NOMEM, which must not have changed anything. */
  readonly refused: (box: Container) => Promise<string | undefined>;
}

const FOREVER = "exec sleep 1000";

async function nothing(): Promise<undefined> {}

async function runDetached(box: Container): Promise<void> {
  mustSucceed(await box.run({ flags: ["--detach"] }));
}

async function create(box: Container): Promise<void> {
  mustSucceed(await box.create());
}

/** A sentence, if the container is in none of these states. */
async function mustBe(box: Container, ...expected: readonly string[]): Promise<string | undefined> {
  const { status } = await box.stateDocument();
  return expected.includes(status) ? undefined : `the container is ${status}`;
}

async function mustEnd(box: Container): Promise<undefined> {
  await box.waitForStatus("stopped");
}

/** Waits until the process of `exec` has ended. */
async function mustBeAlone(box: Container): Promise<undefined> {
  await until("the container to be alone", async () => {
    const { stdout } = await box.lab.invoke(["ps", "--format", "json", box.id]);
    return (JSON.parse(stdout) as unknown[]).length === 1 ? true : undefined;
  });
}

function mustSay(expected: (box: Container) => Promise<string>): Command["done"] {
  return async (box, { stdout }) => {
    const whole = await expected(box);
    return stdout === whole ? undefined : `it said ${JSON.stringify(stdout)}`;
  };
}

export const COMMANDS: readonly Command[] = [
  {
    name: "create",
    script: FOREVER,
    prepare: nothing,
    makes: true,
    call: (box, options) => box.create(options),
    done: (box) => mustBe(box, "created"),
    refused: nothing,
  },
  {
    name: "run",
    script: "echo done",
    prepare: nothing,
    makes: true,
    call: (box, options) => box.run(options),
    done: mustSay(async () => "done\n"),
    refused: nothing,
  },
  {
    name: "start",
    script: FOREVER,
    prepare: create,
    call: (box, options) => box.start(options),
    done: (box) => mustBe(box, "running"),
    refused: (box) => mustBe(box, "created"),
  },
  {
    name: "exec",
    failureStatus: 255,
    script: FOREVER,
    prepare: runDetached,
    shared: true,
    call: (box, options) => box.lab.invoke(["exec", box.id, "echo", "done"], options),
    done: mustSay(async () => "done\n"),
    refused: mustBeAlone,
  },
  {
    name: "delete",
    script: FOREVER,
    prepare: runDetached,
    call: (box, options) => box.delete({ ...options, flags: ["--force"] }),
    done: nothing,
    refused: async (box) => {
      const { code, stderr } = await box.delete({ flags: ["--force"] });
      return code === 0 ? undefined : `a second delete fails: ${stderr}`;
    },
  },
  {
    name: "kill",
    script: FOREVER,
    prepare: runDetached,
    call: (box, options) => box.kill("KILL", options),
    done: mustEnd,
    refused: (box) => mustBe(box, "running"),
  },
  {
    name: "state",
    script: FOREVER,
    prepare: runDetached,
    shared: true,
    call: (box, options) => box.state(options),
    done: mustSay(async (box) => (await box.state()).stdout),
    refused: nothing,
  },
  {
    name: "list",
    script: FOREVER,
    prepare: runDetached,
    shared: true,
    call: (box, options) => box.lab.invoke(["list"], options),
    done: mustSay(async (box) => (await box.lab.invoke(["list"])).stdout),
    refused: nothing,
  },
];
