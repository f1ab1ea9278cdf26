// kill: which signals it knows, which processes it reaches, and its error if there is none.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  behaviour,
  nothingLeft,
  notOfCrun,
  notOfCrunBefore,
  refused,
  tsrunOnly,
} from "../support/behaviour.ts";
import { addProgram, needsCompiler } from "../support/compile.ts";
import type { Config } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { signalProcess } from "../support/host.ts";
import { needsStrace, stopping } from "../support/injection.ts";
import type { Lab } from "../support/lab.ts";
import { parseStatus } from "../support/proc.ts";
import { until } from "../support/wait.ts";
import { needsCall } from "../support/without.ts";

/** A program that writes the name of each signal it gets. */
const TELLTALE = Container.script(
  [
    'for s in HUP INT USR1 USR2 TERM; do trap "echo $s" $s; done',
    "trap 'echo 37' 37",
    "echo up",
    "while :; do sleep 1000 & wait; done",
  ].join("; "),
);

async function telltale(lab: Lab): Promise<Container> {
  const box = lab.container(TELLTALE);
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  await until("the traps to be set", () => box.output() === "up\n");
  return box;
}

behaviour(
  "kill sends the signal given by number or by name in any spelling",
  async (t, lab) => {
    const box = await telltale(lab);
    const spellings = [
      ["HUP", "HUP"],
      ["SIGINT", "INT"],
      ["sigusr1", "USR1"],
      ["12", "USR2"],
      ["37", "37"],
    ];
    let heard = "up\n";
    for (const [spelling = "", name] of spellings) {
      const result = await box.kill(spelling);
      t.strictSame([result.code, result.stdout, result.stderr], [0, "", ""], `kill ${spelling}`);
      heard += `${name}\n`;
      await until(`${name} to be heard`, () => box.output() === heard);
    }
  },
  notOfCrun("it knows names in capital letters only"),
);

behaviour("kill without a signal sends TERM", async (_t, lab) => {
  const box = await telltale(lab);
  mustSucceed(await lab.invoke(["kill", box.id]));
  await until("TERM to be heard", () => box.output() === "up\nTERM\n");
});

behaviour("kill 0 only asks whether the container is there", async (t, lab) => {
  const box = await telltale(lab);
  t.equal((await box.kill("0")).code, 0);
  t.equal(box.output(), "up\n");
});

for (const signal of ["HUP", "INT", "QUIT", "TERM"]) {
  behaviour(
    `${signal} ends a container that is not started yet`,
    async (t, lab) => {
      for (const pidNamespace of [true, false]) {
        const box = lab.container((config) => {
          if (!pidNamespace) {
            config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "pid");
          }
        });
        mustSucceed(await box.create());
        mustSucceed(await box.kill(signal));
        await box.waitForStatus("stopped");
        refused(t, await box.start(), /cannot start a container that has stopped/);
        mustSucceed(await box.delete());
        await nothingLeft(t, lab, "after delete");
      }
    },
    notOfCrun("before start its process ignores it"),
  );
}

behaviour(
  "a started program has no handler, no blocked and no ignored signal",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.process.args = ["/bin/cat", "/proc/self/status"];
    });
    const status = parseStatus(await box.live());
    for (const name of ["SigBlk", "SigIgn", "SigCgt"]) {
      t.strictSame(status.get(name), ["0000000000000000"], name);
    }
  },
  tsrunOnly("leaves signal 32 as glibc wants it"),
);

behaviour("kill reaches a container that is not started yet", async (t, lab) => {
  const box = lab.container();
  mustSucceed(await box.create());
  mustSucceed(await box.kill("KILL"));
  await box.waitForStatus("stopped");
  mustSucceed(await box.delete());
  await nothingLeft(t, lab, "after delete");
});

behaviour(
  "a container whose first process goes on without its first thread runs, can be entered, and can be killed",
  async (t, lab) => {
    const box = lab.container();
    box.config.process.args = [addProgram(lab, box, "test/support/outlast.c")];
    box.writeConfig();
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const { pid } = await box.stateDocument();
    await until("its first thread to end", () =>
      /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, "utf8")),
    );
    t.equal((await box.stateDocument()).status, "running");
    t.match(mustSucceed(await lab.invoke(["list"])).stdout, /running/);
    const inside = mustSucceed(await lab.invoke(["exec", box.id, "sh", "-c", "hostname; echo $$"]));
    t.match(inside.stdout, /^box\n[2-9]\n$/, "exec joins the namespaces of the other thread");
    t.not((await box.delete()).code, 0);
    mustSucceed(await box.kill("KILL"));
    await box.waitForStatus("stopped");
    mustSucceed(await box.delete());
    await nothingLeft(t, lab, "after delete");
  },
  needsCompiler,
  tsrunOnly("runc takes it for stopped, and delete leaves it running"),
);

behaviour("a process whose name looks like the end of a name is known all the same", async (t, lab) => {
  const name = "é) Z 1 1 (";
  const box = lab.container(Container.script(`printf '${name}' > /proc/$$/comm; sleep 1000; true`));
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  const { pid } = await box.waitForStatus("running");
  const nameNow = () => readFileSync(`/proc/${pid}/comm`, "utf8").trimEnd();
  await until(`process ${pid} to have named itself`, () => nameNow() === name);
  t.equal((await box.stateDocument()).status, "running");
  mustSucceed(await box.kill("KILL"));
  await box.waitForStatus("stopped");
});

behaviour("kill of a stopped container says that it is not running", async (t, lab) => {
  const box = lab.container();
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  await box.waitForStatus("stopped");
  refused(t, await box.kill("TERM"), /container not running/);
  refused(t, await box.kill("KILL"), /container not running/);
});

behaviour("kill --all of a stopped container succeeds", async (t, lab) => {
  const box = lab.container();
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  await box.waitForStatus("stopped");
  t.equal((await box.kill("KILL", { flags: ["--all"] })).code, 0);
});

behaviour(
  "kill refuses a signal that does not exist",
  async (t, lab) => {
    const box = await telltale(lab);
    refused(t, await box.kill("SIGNOTHING"), /unknown signal "SIGNOTHING"/);
    t.equal((await box.stateDocument()).status, "running");
  },
  notOfCrunBefore("1.28", "takes some of them"),
);

behaviour("kill KILL without a private pid namespace reaches every process of the cgroup", async (t, lab) => {
  const box = lab.container((config) => {
    config.linux.namespaces = config.linux.namespaces.filter((namespace) => namespace.type !== "pid");
    config.process.args = ["/bin/sh", "-c", "sleep 1000 & echo up; exec sleep 1001"];
  });
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  await until("the program to be up", () => box.output() === "up\n");
  mustSucceed(await box.kill("KILL", { flags: ["--all"] }));
  await box.waitForStatus("stopped");
  await until(
    "all of its processes to be gone",
    async () => !(await lab.leftovers()).some((line) => line.startsWith("process")),
  );
  mustSucceed(await box.delete());
  await nothingLeft(t, lab, "after delete");
});

behaviour(
  "kill KILL reaches chains of processes that are always a step ahead",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "pid");
      config.process.args = ["/bin/outrun"];
      config.root.readonly = false;
    });
    addProgram(lab, box, "test/support/outrun.c");
    mustSucceed(await box.create());
    mustSucceed(await box.start());
    await until("the chains to be there", () => box.output() === "up\n");
    mustSucceed(await box.kill("KILL", { flags: ["--all"] }));
    // A process that was killed does not see it.
    writeFileSync(join(box.rootfs, "over"), "");
    await box.waitForStatus("stopped");
    await until(
      "all of its processes to be gone",
      async () => !(await lab.leftovers()).some((line) => line.startsWith("process")),
    );
    t.notOk(existsSync(join(box.rootfs, "survived")), "nobody was left to see that it is over");
    mustSucceed(await box.delete());
    await nothingLeft(t, lab, "after delete");
  },
  needsCompiler,
  notOfCrun("one survives at times"),
);

behaviour(
  "a container whose create was killed before it had a cgroup has no processes: they are another's",
  async (t, lab) => {
    const shared = (config: Config): void => {
      config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "pid");
    };
    const other = lab.container((config) => {
      Container.script("exec sleep 1000")(config);
      shared(config);
    });
    mustSucceed(await other.run({ flags: ["--detach"] }));
    const half = lab.container(shared);
    mustSucceed(await half.create());
    const file = join(lab.stateRoot, half.id, "state.json");
    const record = readFileSync(file, "utf8");
    const { cgroup } = JSON.parse(readFileSync(join(lab.stateRoot, other.id, "state.json"), "utf8"));
    const nobody = { init_process_pid: 0, init_process_start: 0, cgroupIsPlanned: true };
    writeFileSync(file, JSON.stringify({ ...JSON.parse(record), ...nobody, cgroup }));
    refused(t, await half.kill("KILL"), /container not running/);
    t.strictSame(JSON.parse((await lab.invoke(["ps", "--format", "json", half.id])).stdout), null);
    t.match(await other.stateDocument(), { status: "running" });
    writeFileSync(file, record);
    mustSucceed(await half.delete({ flags: ["--force"] }));
    t.match(await other.stateDocument(), { status: "running" });
  },
  tsrunOnly("keeps its state in another way"),
);

/** strace holds each such call in the container's directory up before it is carried out. */
function heldUp({ folder, stateRoot }: Lab, id: string, call: string, seconds: number): string[] {
  const inject = `inject=${call}:delay_enter=${seconds * 1_000_000}`;
  const calls = ["-P", join(stateRoot, id), "-e", `trace=${call}`, "-e", inject];
  return ["strace", "-qq", "-o", join(folder, call), ...calls];
}

behaviour(
  "a container that is removed while kill still notes its signal leaves nothing",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await box.run({ flags: ["--detach"] }));
    // The note comes when delete has listed what is to be removed, and has not removed the directory yet.
    const wrapper = heldUp(lab, box.id, "symlinkat", 2.5);
    const killing = lab.invoke(["kill", box.id, "KILL"], { wrapper });
    await box.waitForStatus("stopped");
    mustSucceed(await box.delete({ wrapper: heldUp(lab, box.id, "unlinkat", 1) }));
    mustSucceed(await killing);
    await nothingLeft(t, lab, "after delete");
  },
  needsStrace,
  tsrunOnly("kill notes who has sent a signal"),
);

for (const command of ["kill", "delete"]) {
  behaviour(
    `${command} of a container that ends as the signal is about to be sent says so, or removes it`,
    async (t, lab) => {
      // The last look before the signal is the one at /proc/self, whose number an undisturbed call tells.
      const made = async () => {
        const box = lab.container(Container.script("exec sleep 1000"));
        mustSucceed(await box.create());
        return box;
      };
      const first = await made();
      const traced = stopping(lab, "-e", "trace=readlinkat,pidfd_send_signal");
      const end = (box: Container, wrapper: readonly string[]) =>
        lab.invoke([command, box.id, ...(command === "kill" ? ["KILL"] : [])], { wrapper });
      mustSucceed(await end(first, traced.wrapper));
      const looks = traced.logged().split("pidfd_send_signal(")[0]?.split("readlinkat(").length ?? 0;
      const box = await made();
      const { pid } = await box.stateDocument();
      const stopped = stopping(lab, "-e", `inject=readlinkat:signal=STOP:when=${looks - 1}`);
      const ending = end(box, stopped.wrapper);
      await stopped.untilStopped();
      signalProcess(pid, "SIGKILL");
      await until("its parent to have waited for it", () => !existsSync(`/proc/${pid}`));
      stopped.goOn();
      if (command === "kill") refused(t, await ending, /container not running/);
      else mustSucceed(await ending);
      for (const one of [first, box]) await one.delete({ flags: ["--force"] });
      await nothingLeft(t, lab, "after delete");
    },
    needsStrace,
    needsCall("pidfd_send_signal", "the moment before it"),
    needsCall("pidfd_open", "the moment before pidfd_send_signal"),
    tsrunOnly("its calls are others"),
  );
}
