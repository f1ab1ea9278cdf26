// `--trace`: where the time of a command goes.

import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { shell } from "../support/every-hook.ts";
import { signalGroup } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { checkTrace, coverage, readTrace } from "../support/trace.ts";
import { until } from "../support/wait.ts";
import { without } from "../support/without.ts";

const ONLY = tsrunOnly("has no --trace");

const sleeping = Container.script("exec sleep 1000");

/** `--trace FILE`, and that file. */
function tracing(lab: Lab, name: string) {
  const file = join(lab.folder, `${name}.json`);
  return { file, globals: ["--trace", file] };
}

behaviour(
  "every command writes a trace that covers it",
  async (t, lab) => {
    const box = lab.container(sleeping);
    const update = join(lab.folder, "update.json");
    writeFileSync(update, JSON.stringify({ pids: { limit: 100 } }));
    const mounts = join(lab.folder, "mounts.json");
    writeFileSync(mounts, "[]");
    const words: (readonly string[])[] = [
      ["create", "--bundle", box.bundle, box.id],
      ["start", box.id],
      ["exec", box.id, "/bin/true"],
      ["state", box.id],
      ["list"],
      ["ps", "--format", "json", box.id],
      ["events", "--stats", box.id],
      ["pause", box.id],
      ["resume", box.id],
      ["update", "--resources", update, box.id],
      ["mounts", "add", box.id, mounts],
      ["kill", box.id, "KILL"],
      ["delete", "--force", box.id],
      ["run", "--detach", "--bundle", box.bundle, box.id],
      ["delete", "--force", box.id],
      ["spec", "--bundle", lab.folder],
      ["validate", box.bundle],
      ["explain", box.bundle],
      ["check"],
      ["features"],
      ["completion", "bash"],
    ];
    for (const line of words) {
      const [command = ""] = line;
      const { file, globals } = tracing(lab, command);
      const { code, stderr } = await lab.invoke([...globals, ...line]);
      const trace = readTrace(file);
      checkTrace(t, trace, command);
      t.equal(trace.document.otherData.status, code, stderr);
      t.equal(trace.document.otherData.dropped, 0);
    }
    await nothingLeft(t, lab, "after delete");
  },
  ONLY,
);

behaviour(
  "the trace has the container's name, whatever the memory of the message held before",
  async (t, lab) => {
    const box = lab.container(sleeping);
    const { file, globals } = tracing(lab, "create");
    // Without the call the mounts are made again in another way, and that message is a long one.
    mustSucceed(await box.create({ globals, ...without("open_tree") }));
    const names = readTrace(file)
      .of("inside")
      .filter(({ name }) => name === "sethostname");
    t.strictSame(
      names.map(({ args }) => args.what),
      ["box"],
    );
    mustSucceed(await box.delete());
    await nothingLeft(t, lab, "after delete");
  },
  ONLY,
);

behaviour(
  "the trace of create has its calls, inside too, and covers nearly all of the process's life",
  async (t, lab) => {
    const box = lab.container(sleeping);
    const { file, globals } = tracing(lab, "create");
    const begun = process.hrtime.bigint();
    mustSucceed(await box.create({ globals }));
    const wall = Number(process.hrtime.bigint() - begun) / 1000;
    const trace = readTrace(file);
    checkTrace(t, trace, "create");
    const { whole } = trace;
    t.ok(coverage(whole, trace.of("phase")) >= 0.95);
    t.comment(`the command is ${((100 * whole.dur) / wall).toFixed(1)} % of its process, with its start`);
    const { pid } = await box.stateDocument();
    const inside = trace.of("inside").filter((event) => event.pid === pid);
    t.notOk(
      inside.some(({ name }) => name.startsWith("clone")),
      "what its parent did before it was there is the parent's",
    );
    const made = (name: string, what: string) =>
      inside.some((event) => event.name === name && event.args.what === what && event.args.result === 0);
    t.ok(made("sethostname", "box"), "a text of a call inside");
    t.ok(
      inside.some(({ name, args }) => name === "pivot_root" && args.result === 0),
      "the root is changed",
    );
    t.ok(
      trace.of("call").some(({ args }) => args.what === join(box.bundle, "config.json")),
      "a path of a call outside",
    );
    t.match(trace.of("spawn"), [{ name: "posix_spawn" }]);
    t.ok(trace.of("wait").length > 2, "tsrun waits for the process");
    t.match(
      inside.at(-1),
      { name: "left to do", args: { what: /^read, .*execve/ } },
      "what it does when it is started",
    );
    mustSucceed(await box.delete());
  },
  ONLY,
);

/** What a program can see of how it was made; the numbers of mounts and their devices differ each time. */
const LOOK = `
cut -d ' ' -f 4- /proc/self/mountinfo
grep -E '^(Umask|Groups|[UG]id|Seccomp|NoNewPrivs|Cap|Sig[BIC]|Shd|Threads|Speculation|THP)' /proc/self/status
cat /proc/self/cgroup /proc/self/limits /proc/self/oom_score_adj /proc/1/cmdline
ls /proc/1/fd
env
pwd
ls -la /dev
ls /`;

behaviour(
  "a container is the same with a trace and without",
  async (t, lab) => {
    const look = async (globals: readonly string[]) => {
      const box = lab.container(Container.script(LOOK));
      return (await box.live({ globals })).replaceAll(box.id, "ID").replaceAll(/ \d\d:\d\d /g, " TIME ");
    };
    const plain = await look([]);
    t.match(plain, /NoNewPrivs/);
    t.equal(await look(tracing(lab, "look").globals), plain);
    const execute = async (globals: readonly string[]) => {
      const box = lab.container(sleeping);
      mustSucceed(await box.create());
      mustSucceed(await box.start());
      const { stdout } = await lab.invoke([
        ...globals,
        "exec",
        box.id,
        "/bin/sh",
        "-c",
        "ls -l /proc/self/fd",
      ]);
      mustSucceed(await box.delete({ flags: ["--force"] }));
      return stdout.trim().split("\n").length;
    };
    t.equal(await execute(tracing(lab, "exec").globals), await execute([]));
  },
  ONLY,
);

behaviour(
  "the trace's file is not taken for a descriptor of the caller's",
  async (t, lab) => {
    const box = lab.container(sleeping);
    const { globals } = tracing(lab, "create");
    const result = await box.create({ globals, flags: ["--preserve-fds", "1"] });
    t.equal(result.code, 1);
    t.match(result.stderr, /unable to stat preserved-fd 0/);
    await nothingLeft(t, lab, "after a refusal");
  },
  ONLY,
);

behaviour(
  "hooks are in the trace, with their paths and as long as they take",
  async (t, lab) => {
    const slow = { ...shell("sleep 0.1"), env: ["PATH=/bin:/usr/bin"] };
    // So long that the first process waits for most of it, even if it begins late on a busy machine.
    const slower = { ...shell("sleep 2"), env: ["PATH=/bin:/usr/bin"] };
    const box = lab.container((config) => {
      sleeping(config);
      config.hooks = {
        createRuntime: [slow, slow],
        createContainer: [slower],
        startContainer: [slow],
        poststart: [slow],
        poststop: [slow],
      };
    });
    const [create, start, remove] = [tracing(lab, "create"), tracing(lab, "start"), tracing(lab, "delete")];
    mustSucceed(await box.create({ globals: create.globals }));
    mustSucceed(await box.start({ globals: start.globals }));
    mustSucceed(await box.delete({ globals: remove.globals, flags: ["--force"] }));
    const hooks = (file: string, command: string) => {
      const trace = readTrace(file);
      checkTrace(t, trace, command);
      for (const { dur, name } of trace.of("hook")) t.ok(dur > 100_000, `${name} took ${dur} us`);
      return trace.of("hook").map(({ name, args }) => `${name} ${args.what}`);
    };
    t.strictSame(hooks(create.file, "create"), [
      "createRuntime hook #0 /bin/sh",
      "createRuntime hook #1 /bin/sh",
      "createContainer hook #0 /bin/sh",
    ]);
    t.strictSame(hooks(start.file, "start"), ["startContainer hook #0 /bin/sh", "poststart hook #0 /bin/sh"]);
    t.strictSame(hooks(remove.file, "delete"), ["poststop hook #0 /bin/sh"]);
    // The first process, which waits for the hook inside, times that itself.
    const trace = readTrace(create.file);
    const [hook] = trace.of("hook").filter(({ name }) => name === "createContainer hook #0");
    const waits = trace.of("inside").filter(({ name }) => name === "ppoll");
    t.equal(waits.length, 1);
    const [{ dur } = { dur: 0 }] = waits;
    t.ok(dur > 1_000 && dur < (hook?.dur ?? 0), `${dur} of ${hook?.dur} us`);
  },
  ONLY,
);

behaviour(
  "start tells a process that was made without a trace, and traces what it can",
  async (t, lab) => {
    const box = lab.container((config) => {
      sleeping(config);
      config.hooks = { startContainer: [{ ...shell("true"), env: ["PATH=/bin"] }] };
    });
    mustSucceed(await box.create());
    const { file, globals } = tracing(lab, "start");
    mustSucceed(await box.start({ globals }));
    const trace = readTrace(file);
    checkTrace(t, trace, "start");
    t.ok(trace.of("inside").some(({ name, args }) => name === "calls without times" && args.what !== ""));
    mustSucceed(await box.delete({ flags: ["--force"] }));
  },
  ONLY,
);

behaviour(
  "waiting for a lock is in the trace",
  async (t, lab) => {
    const box = lab.container(sleeping);
    mustSucceed(await box.create());
    const holder = spawn("flock", [join(lab.stateRoot, box.id), "sh", "-c", "echo up; exec sleep 1000"], {
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
    lab.atClose(() => holder.kill("SIGKILL"));
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    const { file, globals } = tracing(lab, "start");
    const started = box.start({
      globals,
      onSpawn: (pid) => {
        const waits = () =>
          readFileSync("/proc/locks", "utf8").includes(` -> FLOCK  ADVISORY  WRITE ${pid} `);
        until("start to wait for the lock", waits).finally(() => signalGroup(holder.pid, "SIGTERM"));
      },
    });
    mustSucceed(await started);
    const trace = readTrace(file);
    checkTrace(t, trace, "start");
    const [wait] = trace.of("wait");
    t.match(wait, { name: /^wait for the lock of the state directory/ });
    mustSucceed(await box.delete({ flags: ["--force"] }));
  },
  ONLY,
);

behaviour(
  "a command that fails writes its trace as well",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.mounts.push({
        destination: "/data",
        type: "bind",
        source: "/nowhere/at/all",
        options: ["bind"],
      });
    });
    const { file, globals } = tracing(lab, "create");
    t.equal((await box.create({ globals })).code, 1);
    const trace = readTrace(file);
    checkTrace(t, trace, "create");
    t.equal(trace.document.otherData.status, 1);
    t.ok(trace.events.some(({ args }) => args.what?.includes("/nowhere/at/all") && (args.result ?? 0) < 0));
    const missing = lab.container((config) => {
      config.process.args = ["/no/such/program"];
    });
    const run = tracing(lab, "run");
    t.not((await missing.run({ globals: run.globals })).code, 0);
    checkTrace(t, readTrace(run.file), "run");
    await nothingLeft(t, lab, "after failures");
  },
  ONLY,
);

behaviour(
  "nothing is done when the trace cannot be written",
  async (t, lab) => {
    const box = lab.container(sleeping);
    for (const path of [join(lab.folder, "none", "trace.json"), lab.folder]) {
      const { code, stderr } = await box.create({ globals: ["--trace", path] });
      t.equal(code, 1);
      t.match(stderr, /cannot trace: cannot open .*: (no such file or directory|is a directory)/);
      t.equal(stderr.trim().split("\n").length, 1, "one line");
    }
    await nothingLeft(t, lab, "after a refusal");
  },
  ONLY,
);

behaviour(
  "a trace that the disk has no room for is a warning: the command has done its work",
  async (t, lab) => {
    const box = lab.container(sleeping);
    const { code, stderr } = await box.create({ globals: ["--trace", "/dev/full"] });
    t.equal(code, 0);
    t.match(stderr, /level=warning msg="cannot write the trace .*no space left on device/);
    mustSucceed(await box.delete());
  },
  ONLY,
);

behaviour(
  "run traces the program as one wait, and passes on its exit status",
  async (t, lab) => {
    const box = lab.container(Container.script("sleep 2; exit 7"));
    const { file, globals } = tracing(lab, "run");
    t.equal((await box.run({ globals })).code, 7);
    const trace = readTrace(file);
    checkTrace(t, trace, "run");
    t.equal(trace.whole.args.result, 7);
    const [wait] = trace.of("wait").filter(({ name }) => name === "wait for the container's program");
    t.ok((wait?.dur ?? 0) > 150_000, `${wait?.dur} us`);
    const [runs] = trace.of("phase").filter(({ name }) => name === "the program runs");
    t.ok((runs?.dur ?? 0) >= (wait?.dur ?? 0), "and as a phase of its own");
  },
  ONLY,
);

behaviour(
  "a trace is bounded, and says how much was left out",
  async (t, lab) => {
    // Each takes several calls of `list`.
    mkdirSync(lab.stateRoot);
    for (let number = 0; number < 5_000; number += 1) mkdirSync(join(lab.stateRoot, `none-${number}`));
    const { file, globals } = tracing(lab, "list");
    mustSucceed(await lab.invoke([...globals, "list", "--quiet"]));
    const trace = readTrace(file);
    checkTrace(t, trace, "list");
    t.ok(trace.document.otherData.dropped > 0, `${trace.document.otherData.dropped} were left out`);
    t.ok(trace.events.length <= 1 << 15);
    t.match(trace.of("phase"), [{ name: "list" }], "phases have room kept for them");
    rmSync(lab.stateRoot, { recursive: true });
  },
  ONLY,
);
