// The ends of tsrun's children: they are noticed even if the caller ignores SIGCHLD, and no signal goes to a
// process that has reused a pid.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { behaviour, nothingLeft, notOfCrun, refused, tsrunOnly } from "../support/behaviour.ts";
import type { Config, ConfigHook } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { parseStatus } from "../support/proc.ts";
import { needsProgram } from "../support/program.ts";
import { isTsrun, runtimePath } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

/** A caller that ignores SIGCHLD: then wait4(2) finds no child. */
const wrapper = ["env", "--ignore-signal=CHLD"];

const SIGCHLD_BIT = 1n << 16n;

function shell(script: string): ConfigHook {
  return { path: "/bin/sh", args: ["sh", "-c", script] };
}

function withHooks(hooks: NonNullable<Config["hooks"]>): (config: Config) => void {
  return (config) => {
    Container.script("exec sleep 1000")(config);
    config.hooks = hooks;
  };
}

behaviour(
  "hooks fail as they do where the caller ignores SIGCHLD, and succeed",
  async (t, lab) => {
    for (const kind of ["prestart", "createRuntime", "createContainer"] as const) {
      const box = lab.container(withHooks({ [kind]: [shell("exit 3")] }));
      refused(t, await box.create({ wrapper }), new RegExp(`error running ${kind} hook #0: exit status 3`));
      await nothingLeft(t, lab, `after a failed ${kind} hook`);
    }
    const hooks = { prestart: [shell("exit 0")], poststart: [shell("exit 0")], poststop: [shell("exit 3")] };
    const box = lab.container(withHooks(hooks));
    mustSucceed(await box.create({ wrapper }));
    mustSucceed(await box.start({ wrapper }));
    const deleted = await box.delete({ wrapper, flags: ["--force"] });
    if (isTsrun) refused(t, deleted, /error running poststop hook #0: exit status 3/);
    await nothingLeft(t, lab, "after delete --force");
  },
  notOfCrun("it waits for its own programs in vain"),
);

behaviour(
  "commands that wait for a program do so where the caller ignores SIGCHLD",
  async (t, lab) => {
    const box = lab.container(Container.script("exit 7"));
    t.equal((await box.run({ wrapper })).code, 7);
    mustSucceed(await box.delete({ flags: ["--force"] }));
    const running = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await running.run({ wrapper, flags: ["--detach"] }));
    t.equal((await lab.invoke(["exec", running.id, "sh", "-c", "exit 5"], { wrapper })).code, 5);
    const status = mustSucceed(
      await lab.invoke(["exec", running.id, "cat", "/proc/self/status"], { wrapper }),
    );
    const [ignored = ""] = parseStatus(status.stdout).get("SigIgn") ?? [];
    t.equal(BigInt(`0x${ignored}`) & SIGCHLD_BIT, 0n, "the program does not inherit it");
    mustSucceed(await running.delete({ wrapper, flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete --force");
  },
  notOfCrun("it waits for its own programs in vain"),
);

behaviour(
  "a ps that fails fails where the caller ignores SIGCHLD",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await box.run({ flags: ["--detach"] }));
    refused(t, await lab.invoke(["ps", box.id, "--nonsense"], { wrapper }), /exit status 1: /);
    t.match(mustSucceed(await lab.invoke(["ps", box.id], { wrapper })).stdout, /sleep 1000/);
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete --force");
  },
  needsProgram("ps", "procps"),
  notOfCrun("its ps runs no program"),
);

behaviour(
  "a poststart hook that fails kills nobody who has the pid of a container that has ended",
  async (t, lab) => {
    // In a new pid namespace no other process takes the next pid. The pid becomes free a moment after the
    // process is gone.
    const hook = `pid=$(sed 's/.*"pid":\\([0-9]*\\).*/\\1/'); kill -9 $pid
      while kill -0 $pid 2>/dev/null; do :; done
      until [ "$other" = $pid ]; do
        [ -z "$other" ] || kill -9 $other
        echo $((pid - 1)) >/proc/sys/kernel/ns_last_pid
        sleep 1000 >/dev/null 2>&1 & other=$!
      done
      echo $pid $other >${join(lab.folder, "pids")}; exit 1`;
    const box = lab.container(withHooks({ poststart: [shell(hook)] }));
    const call = `</dev/null >/dev/null 2>&1 ${runtimePath} --root ${lab.stateRoot}`;
    const script = `${call} create --bundle ${box.bundle} ${box.id}
      ${call} start ${box.id} & started=$!
      wait $started; read pid other <${join(lab.folder, "pids")}
      while name=$(cat /proc/$other/comm); [ "$name" = sh ]; do :; done; echo "$pid $other $name"
      ${call} delete --force ${box.id}`;
    const outside = ["--fork", "--pid", "--kill-child", "--mount-proc", "sh", "-c", script];
    const said = execFileSync("unshare", outside, { encoding: "utf8", cwd: lab.folder, timeout: 60_000 });
    const [pid, other, name] = said.trim().split(" ");
    t.equal(other, pid, "the pid was given out again");
    t.equal(name, "sleep", "who has it now lives");
    await until("its pid namespace to end", async () => (await lab.leftovers()).length === 0, 60_000);
  },
  tsrunOnly("its hooks of this kind run before the container's program does"),
);
