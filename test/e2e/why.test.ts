// `why` about containers that are there: what each waits for. What is well is called well.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { behaviour, needsController, nothingLeft, tsrunOnly } from "../support/behaviour.ts";
import { cgroupFolders, isUnified, needsFreezer } from "../support/cgroup.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import { addProgram, needsCompiler } from "../support/compile.ts";
import type { Config, ConfigHook } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { findProgram, signalProcess, stopProcess } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { atTerminal, needsTerminal, seen } from "../support/terminal.ts";
import { until } from "../support/wait.ts";
import { type Report, stuck, why } from "../support/why.ts";

const ours = tsrunOnly("has no why command");

async function running(lab: Lab, edit: (config: Config) => void): Promise<Container> {
  const box = lab.container(edit);
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  return box;
}

const SLEEP = Container.script("exec sleep 1000");
const HANGS: ConfigHook = { path: "/bin/sleep", args: ["sleep", "1000"] };

behaviour(
  "a created container waits for start; what has waited for long hangs",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create());
    const report = await why(lab, box.id);
    t.match(report, { code: 0, state: "created", wrong: false });
    t.match(report.about("created"), {
      weight: "waits",
      words: /^nobody has called start, since /,
      next: `start ${box.id}, or delete ${box.id}`,
    });
    t.match(await why(lab, box.id, { flags: ["--after", "0s"] }), { code: 2, wrong: true });
    t.match(await stuck(lab), { code: 0, looked: 1, reports: [] });
    const found = await stuck(lab, ["--after", "0s"]);
    t.match(found, { code: 2, reports: [{ id: box.id, findings: [{ kind: "created" }] }] });
  },
  ours,
);

behaviour(
  "a container that runs has nothing wrong, and neither have those of every kind that is well",
  async (t, lab) => {
    const kinds: ((config: Config) => void)[] = [
      SLEEP,
      Container.script("while :; do :; done"),
      Container.script("sleep 1000 | cat"),
      Container.script("trap '' TERM INT; sleep 1000 & wait"),
      (config) => {
        Container.script("exec sleep 1000")(config);
        config.hooks = { poststart: [{ path: "/bin/true" }], createRuntime: [{ path: "/bin/true" }] };
      },
      (config) => {
        SLEEP(config);
        config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "pid");
      },
    ];
    for (const [index, edit] of kinds.entries()) {
      const box = await running(lab, edit);
      const report = await why(lab, box.id, { flags: ["--after", "0s"] });
      t.match(report, { code: 0, state: "running", wrong: false }, `${index}: ${JSON.stringify(report)}`);
      t.match(report.words, /^runs since .*: process \d+ \(/);
    }
    t.match(await stuck(lab, ["--after", "0s"]), { code: 0, looked: kinds.length, reports: [] });
    const { stdout } = await lab.invoke(["why", "--stuck"]);
    t.equal(stdout, `Nothing hangs: ${kinds.length} containers looked at.\n`);
  },
  ours,
);

behaviour(
  "a frozen container names its cgroup, and one above it that is frozen",
  async (t, lab) => {
    const box = await running(lab, (config) => {
      SLEEP(config);
      if (!systemdDriver) config.linux.cgroupsPath = `/${lab.mark}-parent/${lab.mark}-1`;
    });
    mustSucceed(await lab.invoke(["pause", box.id]));
    const paused = await why(lab, box.id);
    t.match(paused, { code: 0, state: "paused" });
    t.match(paused.about("frozen"), { weight: "waits", next: `resume ${box.id}` });
    t.match(await stuck(lab), { code: 2, reports: [{ id: box.id, state: "paused" }] });
    mustSucceed(await lab.invoke(["resume", box.id]));
    if (systemdDriver) return;
    const parents = cgroupFolders(`/${lab.mark}-parent`);
    const parent = isUnified() ? parents[0] : parents.find((path) => path.includes("freezer"));
    const file = isUnified() ? "cgroup.freeze" : "freezer.state";
    lab.atClose(() => {
      for (const path of parents) rmdirSync(path);
    });
    writeFileSync(`${parent}/${file}`, isUnified() ? "1" : "FROZEN");
    try {
      const report = await why(lab, box.id);
      t.match(report, { code: 2, state: "running", wrong: true });
      t.match(report.about("frozen"), {
        words: "a cgroup above its own is frozen",
        details: [`${parent}/${file}`],
        next: new RegExp(`echo .* >${parent}/${file}`),
      });
    } finally {
      writeFileSync(`${parent}/${file}`, isUnified() ? "0" : "THAWED");
    }
    mustSucceed(await box.delete({ flags: ["--force"] }));
  },
  ours,
  needsFreezer(),
);

for (const kind of ["createRuntime", "createContainer"] as const) {
  behaviour(
    `a ${kind} hook that hangs is named while create waits for it`,
    async (t, lab) => {
      const box = lab.container((config) => {
        // createContainer hooks are looked up in the container's namespaces, before its root is entered.
        config.hooks = { [kind]: [HANGS] };
      });
      const creating = box.create();
      const hook = await until("the hook to run", async () => {
        const { code, stdout } = await lab.invoke(["why", "--json", "--after", "0s", box.id]);
        return code === 2 && stdout.includes('"hook"') ? JSON.parse(stdout) : undefined;
      });
      t.match(hook, { state: "creating", wrong: true });
      t.match(hook.findings[0], {
        kind: "hook",
        words: new RegExp(`waits for the hook ${kind} #0, since `),
        next: /^see what the hook waits for; kill \d+ ends it$/,
      });
      t.match(await stuck(lab, ["--after", "0s"]), { code: 2, reports: [{ id: box.id, state: "creating" }] });
      const [, pid = ""] = /kill (\d+)/.exec(hook.findings[0].next) ?? [];
      signalProcess(pid, "SIGKILL");
      t.equal((await creating).code, 1, "what it says helps");
      await nothingLeft(t, lab, "after the failed hook");
      t.match((await why(lab, box.id)).about("failed"), {
        words: new RegExp(`^create failed: .*${kind} hook #0`),
      });
    },
    ours,
  );
}

interface Finding {
  readonly kind: string;
  readonly weight: string;
  readonly next: string;
}

behaviour(
  "hooks that start and delete wait for are named, also when the container is gone",
  async (t, lab) => {
    for (const kind of ["startContainer", "poststart", "poststop"] as const) {
      const box = lab.container((config) => {
        SLEEP(config);
        config.hooks = { [kind]: [HANGS] };
      });
      mustSucceed(await box.create());
      const waits = kind === "poststop" ? box.delete({ flags: ["--force"] }) : box.start();
      // Before its hook runs, a command holds the lock, which is a finding as well. A hook that has just
      // begun has run for no time at all.
      const hook = await until("the hook to run", async () => {
        const { stdout } = await lab.invoke(["why", "--json", "--after", "0s", box.id]);
        if (stdout === "") return undefined;
        const { findings }: { findings: Finding[] } = JSON.parse(stdout);
        return findings.find(({ kind, weight }) => kind === "hook" && weight === "wrong");
      });
      const by = kind === "poststop" ? "delete waits for a hook" : `waits for the hook ${kind} #0`;
      t.match(hook, { words: new RegExp(by) });
      const [, pid = ""] = /kill (\d+)/.exec(hook.next) ?? [];
      signalProcess(pid, "SIGKILL");
      t.equal((await waits).code, 1, `a ${kind} hook that is killed`);
    }
  },
  ours,
);

behaviour(
  "a program that waits uninterruptibly is told with the kernel's function",
  async (t, lab) => {
    const box = lab.container();
    box.config.process.args = [addProgram(lab, box, "test/support/vfork.c")];
    box.writeConfig();
    mustSucceed(await box.create());
    mustSucceed(await box.start());
    const { pid } = await box.stateDocument();
    await until("it to wait", () => /^State:\tD/m.test(readFileSync(`/proc/${pid}/status`, "utf8")));
    const report = await why(lab, box.id);
    t.match(report, { code: 2, wrong: true, state: "running" });
    t.match(report.about("uninterruptible"), {
      words: /waits uninterruptibly \(state D\): its child, made by vfork\(2\), has not executed a program$/,
      details: [/^in the kernel: .*(vfork|clone)/, /^in the call v?(fork|clone)/],
    });
    t.match(await stuck(lab), { code: 2, reports: [{ id: box.id }] });
  },
  ours,
  needsCompiler,
);

behaviour(
  "a first process that a signal has stopped is told so",
  async (t, lab) => {
    const box = await running(lab, SLEEP);
    const { pid } = await box.stateDocument();
    await stopProcess(pid);
    const report = await why(lab, box.id);
    t.match(report, { code: 2 });
    t.match(report.about("stopped"), { words: /^a signal stopped process/, next: `kill ${box.id} CONT` });
    mustSucceed(await box.kill("CONT"));
    t.match(await why(lab, box.id), { code: 0 });
  },
  ours,
);

behaviour(
  "output that nobody reads is told",
  async (t, lab) => {
    const fifo = join(lab.folder, "stdout");
    execFileSync("mkfifo", [fifo]);
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    lab.atClose(() => closeSync(reader));
    const box = lab.container(Container.script("exec yes"));
    const wrapper = ["sh", "-c", `exec "$@" >${fifo}`, "sh"];
    mustSucceed(await box.create({ wrapper }));
    mustSucceed(await box.start());
    const report = await until("the FIFO to be full", async () => {
      const found = await why(lab, box.id);
      return found.about("output") === undefined ? undefined : found;
    });
    t.match(report, { code: 2 });
    t.match(report.about("output"), {
      words: "its standard output is full, and nobody reads it",
      details: [fifo],
    });
  },
  ours,
);

behaviour(
  "a lock that somebody holds for long is told, with who waits for it",
  async (t, lab) => {
    const box = await running(lab, SLEEP);
    const holder = spawn("flock", [join(lab.stateRoot, box.id), "sleep", "1000"]);
    await until("the lock", () => childrenOf(holder).length > 0);
    lab.atClose(() => endAll(holder));
    const waiting = lab.invoke(["update", "--pids-limit", "100", box.id]);
    const report = await until("the command to wait", async () => {
      const found = await why(lab, box.id, { flags: ["--after", "0s"] });
      return found.findings.length === 2 ? found : undefined;
    });
    t.match(report, { code: 2 });
    const words = report.findings.map((finding) => finding.words.replace(/, since .*/, ""));
    t.ok(words.includes("update waits for its lock"), JSON.stringify(words));
    t.ok(words.some((one) => one.endsWith("holds its lock")));
    t.match(await why(lab, box.id, { flags: ["--after", "1h"] }), { code: 0 }, "not for long");
    endAll(holder);
    t.equal((await waiting).code, 0);
  },
  ours,
  findProgram("flock") === undefined ? "needs flock (package util-linux)" : undefined,
  needsController("pids"),
);

function childrenOf({ pid }: ChildProcess): number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  return existsSync(path) ? readFileSync(path, "utf8").trim().split(" ").filter(Boolean).map(Number) : [];
}

/** flock(1) leaves the lock to its child, too. */
function endAll(holder: ChildProcess): void {
  for (const child of childrenOf(holder)) signalProcess(child, "SIGKILL");
  holder.kill("SIGKILL");
}

behaviour(
  "a limit of processes that refuses new ones is told",
  async (t, lab) => {
    const box = await running(lab, (config) => {
      Container.script("(sleep 1000 & sleep 1000 & sleep 1000 &); exec sleep 1000")(config);
      config.linux.resources = { pids: { limit: 3 } };
    });
    const report = await until("a fork to fail", async () => {
      const found = await why(lab, box.id);
      return found.about("pids") === undefined ? undefined : found;
    });
    t.match(report.about("pids"), {
      weight: "wrong",
      words: /^the process limit refused \d+ new process(es)?$/,
    });
  },
  ours,
  needsController("pids"),
);

behaviour(
  "at the memory limit without the OOM killer, whatever needs memory waits",
  async (t, lab) => {
    const box = await running(lab, (config) => {
      // A system call that needs memory fails then; only the program's own accesses wait.
      Container.script('x=12345678; while :; do x="$x$x"; done')(config);
      config.linux.resources = { memory: { limit: 8 << 20, disableOOMKiller: true } };
    });
    const report = await until(
      "it to be full",
      async () => {
        const found = await why(lab, box.id);
        return found.about("memory") === undefined ? undefined : found;
      },
      60_000,
    );
    t.match(report.about("memory"), { weight: "wrong", details: [/under_oom 1/] });
  },
  ours,
  needsController("memory", 1),
);

behaviour(
  "what is half made, damaged or without a state is told with what removes it",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.hooks = { createRuntime: [HANGS] };
    });
    let pid = 0;
    const creating = box.create({ onSpawn: (made) => (pid = made) });
    const hook = await until("the hook to run", async () => {
      const { stdout } = await lab.invoke(["why", "--json", "--after", "0s", box.id]);
      // Before that, the create itself is told of, with its lock.
      const { findings = [] }: Partial<Report> = stdout === "" ? {} : JSON.parse(stdout);
      return /kill (\d+) ends/.exec(findings.find(({ kind }) => kind === "hook")?.next ?? "")?.[1];
    });
    signalProcess(pid, "SIGKILL");
    signalProcess(hook, "SIGKILL");
    await creating;
    const report = await until("its end", async () => {
      const found = await why(lab, box.id);
      return found.state === "half-made" ? found : undefined;
    });
    t.match(report.about("half-made"), { weight: "wrong", next: new RegExp(`delete --force ${box.id}$`) });
    t.match(await stuck(lab), { code: 2, reports: [{ id: box.id, state: "half-made" }] });
    mustSucceed(await box.delete({ flags: ["--force"] }));
    const empty = join(lab.stateRoot, `${lab.mark}-empty`);
    mkdirSync(empty);
    t.match(await why(lab, `${lab.mark}-empty`), { code: 2, state: "half-made" });
    writeFileSync(join(empty, "state.json"), "{");
    t.match((await why(lab, `${lab.mark}-empty`)).about("damaged"), { words: /it is damaged/ });
    rmSync(empty, { recursive: true });
  },
  ours,
);

behaviour(
  "at a terminal it keeps to the columns",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create());
    for (const columns of [60, 80, 200]) {
      const wrapper = [...atTerminal(), "sh", "-c", `stty cols ${columns}; exec "$@"`, "sh"];
      const { shown, code } = seen(await lab.invoke(["why", "--after", "0s", box.id], { wrapper }));
      t.equal(code, 2);
      t.match(shown, /\n {2}WRONG nobody has called start, since /);
      const longest = Math.max(...shown.split(/\r?\n/).map((line) => line.length));
      t.ok(longest <= columns, `${columns} columns: ${longest}`);
    }
  },
  ours,
  needsTerminal(),
);

behaviour(
  "what it is asked for must be one container or all",
  async (t, lab) => {
    const none = await lab.invoke(["why"]);
    t.match([none.code, none.stderr], [1, /which container\?/]);
    const both = await lab.invoke(["why", "--stuck", "x"]);
    t.match([both.code, both.stderr], [1, /--stuck looks at all containers/]);
    const nobody = await lab.invoke(["why", "nobody"]);
    t.match([nobody.code, nobody.stderr], [1, /nothing is known of a container \\"nobody\\"/]);
    t.equal((await lab.invoke(["why", "--stuck"])).stdout, "Nothing hangs: 0 containers looked at.\n");
  },
  ours,
);
