// Hooks that fail: the error, what is undone, and what stays. CONTRACT: runtime-spec runtime.md#lifecycle,
// and runc's texts.

import { copyFileSync, existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  behaviour,
  nothingLeft,
  notOfCrun,
  notOfCrunBefore,
  refused,
  runcFrom,
  tsrunOnly,
} from "../support/behaviour.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import type { Config, ConfigHook, HookKind } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { signalProcess } from "../support/host.ts";
import { isCrun, isTsrun } from "../support/runtime.ts";
import { until } from "../support/wait.ts";
import { without } from "../support/without.ts";

const IN_CREATE: readonly HookKind[] = ["prestart", "createRuntime", "createContainer"];

/** crun does not print the number. */
const NAMED = isCrun ? /hook/ : /hook #0/;

function shell(script: string, rest: Partial<ConfigHook> = {}): ConfigHook {
  return { path: "/bin/sh", args: ["sh", "-c", script], ...rest };
}

function withHooks(
  hooks: NonNullable<Config["hooks"]>,
  script = "exec sleep 1000",
): (config: Config) => void {
  return (config) => {
    Container.script(script)(config);
    config.hooks = hooks;
  };
}

behaviour("a hook that fails in create ends it, and nothing is left", async (t, lab) => {
  for (const kind of IN_CREATE) {
    const never = join(lab.folder, `never-${kind}`);
    const hooks = [
      shell("exit 0"),
      shell("echo told; echo complained >&2; exit 3"),
      shell(`echo > ${never}`),
    ];
    const box = lab.container(withHooks({ [kind]: hooks }));
    refused(
      t,
      await box.create(),
      new RegExp(`error running ${kind} hook #1: exit status 3, stdout: told, stderr: complained`),
    );
    t.notOk(existsSync(never), "no further hook runs");
    await nothingLeft(t, lab, `after a failed ${kind} hook`);
  }
});

behaviour(
  "a startContainer hook that fails fails start; the program never runs",
  async (t, lab) => {
    const box = lab.container(
      withHooks({ startContainer: [shell("exit 0"), shell("echo told; exit 3")] }, "echo ran"),
    );
    mustSucceed(await box.create());
    refused(t, await box.start(), /error running startContainer hook #1: exit status 3, stdout: told/);
    await box.waitForStatus("stopped");
    t.equal(box.output(), "");
    refused(t, await box.start(), /cannot start a container that has stopped/);
    mustSucceed(await box.delete());
    await nothingLeft(t, lab, "after delete");
  },
  tsrunOnly("start has succeeded by then, and the message goes to the container's stderr"),
);

behaviour("`run` with a failing startContainer hook fails and leaves nothing", async (t, lab) => {
  const box = lab.container(withHooks({ startContainer: [shell("exit 3")] }, "echo ran"));
  const { code, stdout, stderr } = await box.run();
  t.not(code, 0);
  t.equal(stdout, "");
  t.match(stderr, isTsrun ? /error running startContainer hook #0: exit status 3/ : NAMED);
  await nothingLeft(t, lab, "after run");
});

behaviour(
  "a poststart hook that fails kills the container",
  async (t, lab) => {
    const box = lab.container(withHooks({ poststart: [shell("exit 3")] }));
    refused(t, await box.run(), /error running poststart hook #0: exit status 3, stdout: , stderr:/);
    await nothingLeft(t, lab, "after run");
  },
  notOfCrunBefore("1.28", "waits for the container's end instead"),
);

behaviour(
  "a poststart hook that fails fails start, and the container has stopped",
  async (t, lab) => {
    const box = lab.container(withHooks({ poststart: [shell("exit 3")] }));
    mustSucceed(await box.create());
    refused(t, await box.start(), /error running poststart hook #0: exit status 3, stdout: , stderr:/);
    await box.waitForStatus("stopped");
  },
  tsrunOnly("runs these hooks in create"),
);

behaviour(
  "a poststop hook that fails fails delete, which has deleted by then",
  async (t, lab) => {
    const never = join(lab.folder, "never");
    const box = lab.container(withHooks({ poststop: [shell("exit 3"), shell(`echo > ${never}`)] }));
    mustSucceed(await box.create());
    refused(t, await box.delete({ flags: ["--force"] }), /error running poststop hook #0: exit status 3/);
    t.notOk(existsSync(never));
    await nothingLeft(t, lab, "after delete");
  },
  runcFrom("1.3.0", "delete says nothing of it"),
  notOfCrun("delete succeeds, and the hooks after it run"),
);

behaviour(
  "a create that fails, of whatever, ends with the poststop hooks",
  async (t, lab) => {
    const told = join(lab.folder, "told");
    const failures: Readonly<Record<string, (config: Config) => void>> = {
      "a hook": (config) => Object.assign(config.hooks ?? {}, { createRuntime: [shell("exit 3")] }),
      "a mount": (config) => config.mounts.push({ destination: "/tmp", type: "nosuchfs", source: "thing" }),
      "the program": (config) => Object.assign(config.process, { args: ["/no/such/program"] }),
    };
    for (const [what, fail] of Object.entries(failures)) {
      for (const command of ["create", "run"] as const) {
        const box = lab.container((config) => {
          withHooks({ poststop: [shell(`cat > ${told}; pwd -P >> ${told}`), shell("exit 3")] })(config);
          fail(config);
        });
        t.not((await box[command]()).code, 0, `${command} fails by ${what}`);
        const [state = "", directory] = readFileSync(told, "utf8")
          .trimEnd()
          .split(/(?<=\})\n?/);
        const { id, status, pid = 0 } = JSON.parse(state);
        t.strictSame({ id, status, pid }, { id: box.id, status: "stopped", pid: 0 });
        t.equal(directory, box.bundle);
        rmSync(told);
        await nothingLeft(t, lab, `after ${command} has failed by ${what}`);
      }
    }
  },
  notOfCrun("it runs no poststop hooks then"),
);

/** Puts a process of its own into every cgroup of the container, and fails. */
const INTRUDE = `id=$(sed 's/.*"id":"\\([^"]*\\)".*/\\1/'); sleep 1000 >/dev/null 2>&1 &
for folder in $(find /sys/fs/cgroup -type d -name "*$id*"); do echo $! >$folder/cgroup.procs; done; exit 3`;

behaviour(
  "a create that cannot remove its cgroup keeps the state, and delete --force ends what is in it",
  async (t, lab) => {
    const told = join(lab.folder, "told");
    const box = lab.container(
      withHooks({ createRuntime: [shell(INTRUDE)], poststop: [shell(`echo ran >> ${told}`)] }),
    );
    const { code, stderr } = await box.create();
    t.not(code, 0);
    t.match(stderr, /level=warning.*cannot remove cgroup .*delete --force/);
    t.match(stderr, /error running createRuntime hook #0: exit status 3/);
    t.equal((await box.stateDocument()).status, "stopped");
    mustSucceed(await box.delete({ flags: ["--force"] }));
    t.equal(readFileSync(told, "utf8"), "ran\n", "the hooks of the end have run once");
    await nothingLeft(t, lab, "after delete --force");
  },
  tsrunOnly("it forgets the container, and the process and its cgroup stay"),
  systemdDriver ? "systemd ends what is in the unit" : undefined,
);

behaviour(
  "a create that is refused a cgroup, which is another's, runs no hook at all",
  async (t, lab) => {
    const first = lab.container(withHooks({}));
    mustSucceed(await first.create());
    const told = join(lab.folder, "told");
    const second = lab.container((config) => {
      withHooks({ prestart: [shell(`echo > ${told}`)], poststop: [shell(`echo > ${told}`)] })(config);
      config.linux.cgroupsPath = first.config.linux.cgroupsPath ?? "";
    });
    refused(t, await second.create(), /container's cgroup is not empty/);
    t.notOk(existsSync(told));
    await first.waitForStatus("created");
  },
  runcFrom("1.3.0", "shares it with a warning"),
  notOfCrun("it shares a cgroup"),
);

behaviour(
  "a hook that is killed is told of by its signal",
  async (t, lab) => {
    const box = lab.container(withHooks({ createRuntime: [shell("kill -TERM $$")] }));
    refused(t, await box.create(), /error running createRuntime hook #0: signal: terminated/);
    const inside = lab.container(withHooks({ createContainer: [shell("kill -KILL $$")] }));
    refused(t, await inside.create(), /error running createContainer hook #0: signal: killed/);
  },
  notOfCrun("it takes a signal for success"),
);

behaviour(
  "a hook that cannot be executed is a failure with the reason",
  async (t, lab) => {
    for (const kind of IN_CREATE) {
      const box = lab.container(withHooks({ [kind]: [{ path: "/no/such/hook" }] }));
      const words = "no such file or directory";
      refused(
        t,
        await box.create(),
        new RegExp(`error running ${kind} hook #0: .*/no/such/hook.*: ${words}`),
      );
      await nothingLeft(t, lab, `after ${kind}`);
    }
    const box = lab.container(withHooks({ startContainer: [{ path: "/etc/passwd" }] }));
    const { code, stderr } = await box.run();
    t.not(code, 0);
    t.match(stderr, /fork\/exec \/etc\/passwd: permission denied/);
  },
  notOfCrun("it does not say why"),
);

behaviour(
  "a hook beyond its time limit is killed, with what it had started to say",
  async (t, lab) => {
    const kinds: readonly HookKind[] = [...IN_CREATE, "startContainer"];
    // Long enough for a hook to begin on a busy machine; all at once, since each takes that long.
    const hooks = [shell("echo begun; exec sleep 1000", { timeout: 4 })];
    const boxes = kinds.map((kind) => lab.container(withHooks({ [kind]: hooks }, "echo ran")));
    const before = Date.now();
    const results = await Promise.all(boxes.map((box) => box.run({ timeoutMs: 60_000 })));
    t.ok(Date.now() - before < 60_000, "it did not wait for the hook");
    for (const [index, { code, stdout, stderr }] of results.entries()) {
      t.not(code, 0);
      const limit = "hook ran past specified timeout of 4.0s";
      const whole = `error running ${kinds[index]} hook #0: ${limit}, stdout: begun`;
      t.match(stderr, isTsrun ? whole : limit);
      t.equal(stdout, "");
    }
    await nothingLeft(t, lab, "after all of them");
  },
  notOfCrun("it says so in other words"),
);

behaviour("a hook beyond its time limit is killed without pidfd_send_signal(2), too", async (t, lab) => {
  const hooks = [shell("exec sleep 1000", { timeout: 1 })];
  const box = lab.container(withHooks({ createRuntime: hooks }, "echo ran"));
  const result = await box.create({ ...without("pidfd_send_signal"), timeoutMs: 30_000 });
  refused(t, result, /error running createRuntime hook #0: hook ran past specified timeout of 1.0s/);
  await nothingLeft(t, lab, "after the failure");
});

behaviour("a hook within its time limit is no failure", async (t, lab) => {
  const hooks = [shell("exit 0", { timeout: 60 })];
  const box = lab.container(
    withHooks({ createRuntime: hooks, createContainer: hooks, startContainer: hooks }, "echo ran"),
  );
  t.equal(await box.live(), "ran\n");
});

behaviour(
  "much output holds no hook up",
  async (t, lab) => {
    const noise =
      "i=0; while [ $i -lt 3000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done";
    const hooks = [shell(noise)];
    const box = lab.container(
      withHooks({ createRuntime: hooks, createContainer: hooks, startContainer: hooks }, "echo ran"),
    );
    t.equal(await box.live(), "ran\n");
    const failing = lab.container(withHooks({ createContainer: [shell(`${noise}; exit 1`)] }));
    const { stderr } = await failing.create();
    t.ok(stderr.length > 100_000, `all of it is told: ${stderr.length} bytes`);
  },
  notOfCrun("what hooks say is lost"),
);

behaviour(
  "the program that cannot be executed is told of after the hooks as well",
  async (t, lab) => {
    const box = lab.container((config) => {
      withHooks({ startContainer: [shell("echo > /hook; chmod 644 /bin/program")] })(config);
      config.process.args = ["/bin/program"];
    });
    copyFileSync(join(box.rootfs, "bin/busybox"), join(box.rootfs, "bin/program"));
    const { code, stderr } = await box.run();
    t.not(code, 0);
    t.match(stderr, /exec \/bin\/program: permission denied/);
    t.ok(existsSync(join(box.rootfs, "hook")));
    await nothingLeft(t, lab, "after run");
  },
  notOfCrun("it says so in other words"),
);

behaviour(
  "a start that is killed during a hook leaves a container that can be deleted",
  async (t, lab) => {
    // After its time the first process ends too, since nobody tells it what to do. The kill comes before.
    const box = lab.container(
      withHooks({ startContainer: [shell("echo > /begun; exec sleep 1000", { timeout: 6 })] }, "echo ran"),
    );
    mustSucceed(await box.create());
    const { code } = await box.start({
      onSpawn: (pid) => {
        void until("the hook to run", () => existsSync(join(box.rootfs, "begun"))).then(() =>
          signalProcess(pid, "SIGKILL"),
        );
      },
    });
    t.equal(code, 137);
    await box.waitForStatus("stopped");
    t.equal(box.output(), "");
    mustSucceed(await box.delete());
    await nothingLeft(t, lab, "after delete");
  },
  tsrunOnly("the hooks run in its container whether start lives or not"),
);

behaviour(
  "delete --force ends a container whose hooks hang, and with it its start",
  async (t, lab) => {
    const hanging = shell("echo > /begun; exec sleep 1000");
    for (const kind of ["startContainer", "poststart"] as const) {
      const begun = kind === "startContainer" ? "/begun" : join(lab.folder, "begun");
      const box = lab.container(
        withHooks({
          startContainer: kind === "startContainer" ? [hanging] : [],
          poststart: [shell(`echo > ${begun}; exec sleep 3`)],
        }),
      );
      mustSucceed(await box.create());
      const started = box.start();
      const seen = kind === "startContainer" ? join(box.rootfs, "begun") : begun;
      await until("the hook to run", () => existsSync(seen));
      refused(t, await box.start(), /cannot start an already running container/);
      mustSucceed(await box.delete({ flags: ["--force"] }));
      const { code, stderr } = await started;
      if (kind === "poststart") continue;
      t.not(code, 0);
      t.match(stderr, /cannot run startContainer hook #0: .* ended unexpectedly/);
    }
    await nothingLeft(t, lab, "after delete --force");
  },
  tsrunOnly("start does not wait for these hooks"),
);

behaviour(
  "`run` returns the process' status also when a poststop hook fails, and says so",
  async (t, lab) => {
    const box = lab.container(withHooks({ poststop: [shell("exit 3")] }, "exit 7"));
    const { code, stderr } = await box.run();
    t.equal(code, 7);
    t.match(stderr, isTsrun ? /error running poststop hook #0: exit status 3/ : NAMED);
    await nothingLeft(t, lab, "after run");
  },
  notOfCrunBefore("1.28", "says nothing of it"),
);

behaviour("a container that waits with startContainer hooks can be killed and deleted", async (t, lab) => {
  const box = lab.container(withHooks({ startContainer: [shell("echo > /hook")] }));
  mustSucceed(await box.create());
  t.equal((await box.stateDocument()).status, "created");
  mustSucceed(await box.kill("KILL"));
  await box.waitForStatus("stopped");
  mustSucceed(await box.delete());
  t.notOk(existsSync(join(box.rootfs, "hook")));
  await nothingLeft(t, lab, "after delete");
});

behaviour(
  "only its owner can reach what a created container listens at",
  async (t, lab) => {
    const box = lab.container(withHooks({ startContainer: [shell("exit 0")] }));
    mustSucceed(await box.create());
    const socket = join(lab.stateRoot, box.id, "start.socket");
    t.equal(statSync(socket).mode & 0o777, 0o600);
    mustSucceed(await box.start());
    t.notOk(existsSync(socket), "gone once it was used");
    const { pid } = await box.stateDocument();
    // execve(2) closes descriptors, which ends start's wait, before it changes the name.
    await until("the program", () => readFileSync(`/proc/${pid}/comm`, "utf8") === "sleep\n");
  },
  tsrunOnly("has no such socket"),
);
