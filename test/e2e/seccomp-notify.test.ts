// SCMP_ACT_NOTIFY: an agent on the host gets the descriptor of the filter's notifications and the state of
// its process, and answers the calls (config-linux.md#containerprocessstate, seccomp_unotify(2)).

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { needsAgent, startAgent } from "../support/agent.ts";
import { behaviour, needsKernel, nothingLeft, notOfCrun, refused, tsrunOnly } from "../support/behaviour.ts";
import { type Config, mapIds } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { isTsrun } from "../support/runtime.ts";
import { until } from "../support/wait.ts";
import { needsCall, without } from "../support/without.ts";

const NOTIFIES = needsKernel(5, 6, "pidfd_getfd(2)");
const NOTIFY = NOTIFIES ?? needsCall("pidfd_open", "a seccomp agent") ?? needsAgent;
const IN_START = "its filter is there from start on only";

/** Of arch/x86/entry/syscalls/syscall_64.tbl, and of asm-generic/unistd.h, which has mkdirat(2) alone. */
const NUMBERS =
  process.arch === "x64"
    ? { close: 3, execve: 59, mkdir: 83, capset: 126 }
    : { close: 57, execve: 221, mkdir: 34, capset: 91 };

const ENOMEDIUM = 123;

function notifying(
  script: string,
  listenerPath: string | undefined,
  ...names: string[]
): (config: Config) => void {
  return (config) => {
    config.process.args = ["/bin/sh", "-c", script];
    config.annotations = { "org.test": "yes" };
    config.linux.seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      ...(listenerPath === undefined ? {} : { listenerPath, listenerMetadata: "for you" }),
      syscalls: [{ names, action: "SCMP_ACT_NOTIFY" }],
    };
  };
}

const MAKE_DIRECTORY = ["mkdir", "mkdirat"];

behaviour(
  "a notified call may be kept from signals, where the kernel knows how",
  async (t, lab) => {
    const agent = await startAgent(lab, String(ENOMEDIUM));
    const box = lab.container((config) => {
      notifying("mkdir /tmp/a 2>&1", agent.socket, ...MAKE_DIRECTORY)(config);
      Object.assign(config.linux.seccomp ?? {}, { flags: ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"] });
    });
    mustSucceed(await box.create());
    mustSucceed(await box.start());
    await box.waitForStatus("stopped");
    t.match(box.output(), /No medium found/);
  },
  NOTIFY,
  needsKernel(5, 19, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"),
  tsrunOnly("does not know the flag"),
);

for (const noNewPrivileges of [true, false]) {
  const how = `noNewPrivileges ${noNewPrivileges}`;

  behaviour(
    `an agent is told of the container and answers its calls, ${how}`,
    async (t, lab) => {
      const agent = await startAgent(lab, String(ENOMEDIUM));
      const box = lab.container(notifying("mkdir /tmp/a 2>&1", agent.socket, ...MAKE_DIRECTORY));
      box.config.process.noNewPrivileges = noNewPrivileges;
      box.writeConfig();
      mustSucceed(await box.create());
      const { pid } = await box.stateDocument();
      const [first] = await until("the message", () => (agent.told().length > 0 ? agent.told() : undefined));
      t.strictSame(first?.message?.fds, ["seccompFd"]);
      t.equal(first?.descriptors, 1);
      t.equal(first?.message?.metadata, "for you");
      t.equal(first?.message?.pid, pid);
      const { ociVersion, ...state } = first?.message?.state ?? {};
      t.equal(ociVersion, first?.message?.ociVersion);
      const annotations = { "org.test": "yes" };
      t.strictSame(state, { id: box.id, status: "creating", pid, bundle: box.bundle, annotations });
      mustSucceed(await box.start());
      await box.waitForStatus("stopped");
      t.match(box.output(), /No medium found/);
      t.ok(agent.told().some(({ call }) => call === NUMBERS.mkdir));
    },
    NOTIFY,
    noNewPrivileges ? notOfCrun(IN_START) : undefined,
  );

  behaviour(
    `an agent is told of a process of exec, ${how}`,
    async (t, lab) => {
      const agent = await startAgent(lab, String(ENOMEDIUM));
      const box = lab.container(notifying("exec sleep 1000", agent.socket, ...MAKE_DIRECTORY));
      box.config.process.noNewPrivileges = noNewPrivileges;
      box.writeConfig();
      mustSucceed(await box.run({ flags: ["--detach"] }));
      const { pid } = await box.stateDocument();
      const result = await lab.invoke(["exec", box.id, "mkdir", "/tmp/a"]);
      t.match(result.stderr, /No medium found/);
      t.equal(result.code, 1);
      const messages = agent.told().flatMap(({ message }) => (message === undefined ? [] : [message]));
      t.equal(messages.length, 2);
      t.match(messages[1]?.state, { id: box.id, status: "running", pid });
      t.not(messages[1]?.pid, pid);
    },
    NOTIFY,
    notOfCrun("it tells pid 0 as the container's"),
  );

  behaviour(
    `calls that come before the program are the agent's as well, ${how}`,
    async (t, lab) => {
      const agent = await startAgent(lab, "continue");
      const names = ["read", "close", "capset", "prctl", "fcntl", "openat", "execve", "exit_group"];
      const box = lab.container(notifying("echo done", agent.socket, ...names));
      box.config.process.noNewPrivileges = noNewPrivileges;
      box.writeConfig();
      t.equal(await box.live(), "done\n");
      const calls = new Set(agent.told().map(({ call }) => call));
      t.ok(calls.has(NUMBERS.execve));
      // runc drops the capabilities after its filter too, but in other ways and at other times.
      if (isTsrun) t.equal(calls.has(NUMBERS.capset), !noNewPrivileges);
      if (isTsrun) t.ok(calls.has(NUMBERS.close));
    },
    NOTIFY,
  );
}

behaviour(
  "an agent answers for a container in a user namespace, whose root cannot reach its socket",
  async (t, lab) => {
    const closed = join(lab.folder, "private");
    mkdirSync(closed, { mode: 0o700 });
    const agent = await startAgent(lab, String(ENOMEDIUM), closed);
    const box = lab.container(notifying("mkdir /tmp/a 2>&1", agent.socket, ...MAKE_DIRECTORY));
    mapIds(box.config, 200_000, 65_536);
    box.config.process.noNewPrivileges = false;
    box.writeConfig();
    t.match(await box.live(), /No medium found/);
  },
  NOTIFY,
);

behaviour(
  "run in the foreground, and a second container with the same profile, work as well",
  async (t, lab) => {
    const agent = await startAgent(lab, String(ENOMEDIUM));
    for (const round of [1, 2]) {
      const box = lab.container(notifying("mkdir /tmp/a", agent.socket, ...MAKE_DIRECTORY));
      const result = await box.run();
      t.match(result.stderr, /No medium found/, `round ${round}`);
      t.equal(result.code, 1);
    }
    t.equal(agent.told().filter(({ message }) => message !== undefined).length, 2);
    await nothingLeft(t, lab, "after run");
  },
  NOTIFY,
);

behaviour(
  "an agent that ends leaves nobody waiting: its calls fail with ENOSYS",
  async (t, lab) => {
    const agent = await startAgent(lab, "leave");
    const box = lab.container(notifying("mkdir /tmp/a 2>&1", agent.socket, ...MAKE_DIRECTORY));
    mustSucceed(await box.create());
    await until("the agent to have left", () => agent.process.exitCode !== null);
    mustSucceed(await box.start());
    await box.waitForStatus("stopped");
    t.match(box.output(), /Function not implemented/);
  },
  NOTIFY,
  notOfCrun(IN_START),
);

behaviour(
  "an agent that never answers does not keep create for ever",
  async (t, lab) => {
    const agent = await startAgent(lab, "silent");
    const box = lab.container(notifying("true", agent.socket, "capset"));
    box.config.process.noNewPrivileges = false;
    box.writeConfig();
    refused(t, await box.create(), /the seccomp agent has not answered in time/);
    await nothingLeft(t, lab, "after create");
  },
  NOTIFY,
  tsrunOnly("waits for ever"),
);

behaviour(
  "an agent that ends does not keep create waiting: the runtime holds no copy of its listener",
  async (t, lab) => {
    const agent = await startAgent(lab, "leave");
    const box = lab.container(notifying("true", agent.socket, "capset"));
    box.config.process.noNewPrivileges = false;
    box.writeConfig();
    refused(t, await box.create(), /function not implemented/);
    await nothingLeft(t, lab, "after create");
  },
  NOTIFY,
);

behaviour(
  "an agent that never answers execve does not keep start for ever",
  async (t, lab) => {
    const agent = await startAgent(lab, "silent");
    const box = lab.container(notifying("true", agent.socket, "execve"));
    mustSucceed(await box.create());
    mustSucceed(await box.start());
    t.equal((await box.stateDocument()).status, "running");
    mustSucceed(await box.kill("KILL"));
    await box.waitForStatus("stopped");
    mustSucceed(await box.delete());
    await nothingLeft(t, lab, "after delete");
  },
  NOTIFY,
);

behaviour(
  "the first process holds no listener of its own when create has returned",
  async (t, lab) => {
    const agent = await startAgent(lab, "continue");
    const box = lab.container(
      notifying("ls -l /proc/self/fd | grep -c seccomp; true", agent.socket, ...MAKE_DIRECTORY),
    );
    t.equal(await box.live(), "0\n");
  },
  NOTIFY,
);

behaviour(
  "a listener that is missing, a file, a datagram socket's name or nobody's is refused",
  async (t, lab) => {
    const file = join(lab.folder, "file");
    writeFileSync(file, "");
    const line = /failed to connect with seccomp agent/;
    for (const path of ["/no/such/agent.sock", file, lab.folder, "@nobody-listens-here"]) {
      const box = lab.container(notifying("true", path, ...MAKE_DIRECTORY));
      refused(t, await box.create(), line);
      await nothingLeft(t, lab, `after create with ${path}`);
      refused(t, await box.run(), line);
      await nothingLeft(t, lab, `after run with ${path}`);
    }
  },
  NOTIFY,
);

behaviour(
  "a listener with a full queue is refused in time",
  async (t, lab) => {
    const agent = await startAgent(lab, "full");
    const box = lab.container(notifying("true", agent.socket, ...MAKE_DIRECTORY));
    refused(t, await box.create(), /failed to connect with seccomp agent.*resource temporarily unavailable/);
    await nothingLeft(t, lab, "after create");
  },
  NOTIFY,
  tsrunOnly("waits for ever"),
);

behaviour(
  "where the listener cannot be fetched, the profile is refused",
  async (t, lab) => {
    const agent = await startAgent(lab, "continue");
    const line =
      /cannot fetch the seccomp listener of the process: function not implemented.*need pidfd_open\(2\)/;
    const box = lab.container(notifying("true", agent.socket, ...MAKE_DIRECTORY));
    refused(t, await box.create(without("pidfd_open")), line);
    await nothingLeft(t, lab, "after create");
    refused(t, await box.run(without("pidfd_open")), line);
    await nothingLeft(t, lab, "after run");
  },
  NOTIFIES,
  needsAgent,
  notOfCrun("its first process sends the listener itself"),
);

behaviour(
  "a profile that notifies nobody is refused, one that nobody needs is not",
  async (t, lab) => {
    const line = /listenerPath .*: missing, and SCMP_ACT_NOTIFY needs it/;
    for (const path of [undefined, ""]) {
      const box = lab.container(notifying("true", path, ...MAKE_DIRECTORY));
      refused(t, await box.create(), line);
      await nothingLeft(t, lab, "after create");
    }
    const box = lab.container(Container.script("mkdir /tmp/a && echo made"));
    box.config.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", listenerPath: "/no/such/agent.sock" };
    box.writeConfig();
    t.equal(await box.live(), "made\n");
  },
  notOfCrun("it takes it"),
);

behaviour("what can never be notified of is refused", async (t, lab) => {
  const path = join(lab.folder, "agent.sock");
  const write = lab.container(notifying("true", path, "write"));
  refused(t, await write.create(), /SCMP_ACT_NOTIFY cannot be used for the write syscall/);
  await nothingLeft(t, lab, "after create");
  const all = lab.container(notifying("true", path, ...MAKE_DIRECTORY));
  if (all.config.linux.seccomp !== undefined) all.config.linux.seccomp.defaultAction = "SCMP_ACT_NOTIFY";
  all.writeConfig();
  refused(t, await all.create(), /SCMP_ACT_NOTIFY cannot be used as default action/);
  await nothingLeft(t, lab, "after create");
});
