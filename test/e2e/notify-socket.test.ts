// NOTIFY_SOCKET: a container's readiness messages reach the service manager that started it, with a pid of
// the host (sd_notify(3), sd_notify_barrier(3)).

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { behaviour, nothingLeft, notOfCrun, refused, tsrunOnly } from "../support/behaviour.ts";
import { BUN, bunArguments, needsBun } from "../support/bun.ts";
import { mapIds } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { checkpoint, counter, countsOn, needsCriu, restore, runsAgain, silently } from "../support/criu.ts";
import type { Lab } from "../support/lab.ts";
import { plainEnv } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

const SCRIPT = "test/support/notify-manager.ts";

interface Said {
  readonly text: string;
  readonly descriptors: number;
}

interface Manager {
  /** For the runtime. */
  readonly env: Readonly<Record<string, string>>;
  readonly process: ChildProcess;
  said(): readonly Said[];
  /** All lines, in their order. */
  lines(): readonly string[];
}

async function startManager(lab: Lab, { hold = "" } = {}): Promise<Manager> {
  const socket = join(lab.folder, "manager.sock");
  const child = spawn(BUN, bunArguments(SCRIPT, "listen", socket, hold), {
    stdio: ["ignore", "pipe", "inherit"],
  });
  lab.atClose(() => child.kill("SIGKILL"));
  let heard = "";
  child.stdout.on("data", (text) => {
    heard += text;
  });
  await until("the manager to listen", () => heard.startsWith("ready\n"));
  const said = () =>
    heard
      .split("\n")
      .slice(1, -1)
      .map((line) => JSON.parse(line) as Said);
  const lines = () => said().flatMap(({ text }) => text.split("\n").filter((line) => line !== ""));
  return { env: { ...plainEnv, NOTIFY_SOCKET: socket }, process: child, said, lines };
}

/** Sends a message to the socket from inside the container. */
async function say(box: Container, message: string): Promise<void> {
  const { pid } = await box.stateDocument();
  const socket = `/proc/${pid}/root/run/notify/notify.sock`;
  await promisify(execFile)(BUN, bunArguments(SCRIPT, "send", socket, message), { timeout: 60_000 });
}

const WAIT = 'echo "$NOTIFY_SOCKET"; exec sleep 1000';

behaviour(
  "start waits until the container is ready, and tells its pid on the host",
  async (t, lab) => {
    const { env, said, lines } = await startManager(lab);
    const box = lab.container(Container.script(WAIT));
    mustSucceed(await box.create({ env }));
    const starting = box.start({ env });
    const { pid } = await box.waitForStatus("running");
    t.equal(said().length, 0);
    await until("the program to run", () => box.output() !== "");
    t.equal(box.output(), "/run/notify/notify.sock\n");
    await say(box, "READY=1\n");
    mustSucceed(await starting);
    await until("the manager to tell", () => lines().length > 1);
    t.strictSame(withoutBarrier(lines()), ["READY=1", `MAINPID=${pid}`]);
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  needsBun,
  notOfCrun("its socket has the path that it has on the host"),
);

/** Without BARRIER, which runc has only since 1.2. */
function withoutBarrier(lines: readonly string[]): readonly string[] {
  return lines.filter((line) => line !== "BARRIER=1");
}

behaviour(
  "start ends when the manager has read everything",
  async (t, lab) => {
    const manager = await startManager(lab, { hold: "hold" });
    const { env, said } = manager;
    const box = lab.container(Container.script(WAIT));
    mustSucceed(await box.create({ env }));
    let ended = false;
    const starting = box.start({ env }).then((result) => {
      ended = true;
      return result;
    });
    await box.waitForStatus("running");
    await say(box, "READY=1");
    await until("the barrier", () => said().some(({ text }) => text === "BARRIER=1"));
    t.equal(said().at(-1)?.descriptors, 1);
    t.notOk(ended, "the manager holds the other end");
    manager.process.kill("SIGKILL");
    const { stderr } = mustSucceed(await starting);
    t.equal(stderr, "", "it does not say that nobody has answered for 30 seconds");
  },
  needsBun,
  tsrunOnly("BARRIER came with 1.2"),
);

behaviour(
  "while start waits other commands do not",
  async (t, lab) => {
    const { env, said } = await startManager(lab);
    const box = lab.container(Container.script(WAIT));
    mustSucceed(await box.create({ env }));
    const starting = box.start({ env });
    await box.waitForProgram("sleep");
    mustSucceed(await box.delete({ flags: ["--force"] }));
    t.equal((await starting).code, 0, "it ends with the container");
    t.strictSame(said(), []);
    await nothingLeft(t, lab, "after delete");
  },
  needsBun,
);

behaviour(
  "run --detach waits as well",
  async (t, lab) => {
    const { env, lines } = await startManager(lab);
    const box = lab.container(Container.script(WAIT));
    const running = box.run({ env, flags: ["--detach"] });
    const { pid } = await box.waitForStatus("running");
    await say(box, "READY=1");
    mustSucceed(await running);
    await until("the manager to tell", () => lines().length > 1);
    t.strictSame(withoutBarrier(lines()), ["READY=1", `MAINPID=${pid}`]);
  },
  needsBun,
  notOfCrun("its socket has the path that it has on the host"),
);

behaviour(
  "run in the foreground stays the process to watch",
  async (t, lab) => {
    const { env, lines } = await startManager(lab);
    const box = lab.container(Container.script("trap 'exit 4' TERM; while :; do sleep 1000 & wait; done"));
    let pid = 0;
    const running = box.run({
      env,
      onSpawn: (spawned) => {
        pid = spawned;
      },
    });
    await box.waitForStatus("running");
    await say(box, "READY=1");
    await until("the manager to know", () => lines().length > 1);
    t.strictSame(withoutBarrier(lines()), ["READY=1", `MAINPID=${pid}`]);
    mustSucceed(await box.kill("KILL"));
    t.equal((await running).code, 137);
    await nothingLeft(t, lab, "after run");
  },
  needsBun,
  notOfCrun("its socket has the path that it has on the host"),
);

behaviour(
  "what else a container says is passed on, but for what it cannot know",
  async (t, lab) => {
    const { env, lines } = await startManager(lab);
    const box = lab.container(Container.script(WAIT));
    const running = box.run({ env });
    await box.waitForStatus("running");
    await say(box, "STATUS=warming up\nMAINPID=1\nFDSTORE=1\nNOTIFYACCESS=all");
    await say(box, "X=1\nMAINPID=1");
    await say(box, "STATUS=done\nREADY=1");
    await say(box, "STOPPING=1");
    await until("the end", () => lines().includes("STOPPING=1"));
    const own = lines().filter((line) => !line.startsWith("MAINPID="));
    t.strictSame(own, ["STATUS=warming up", "STATUS=done", "READY=1", "BARRIER=1", "STOPPING=1"]);
    t.notOk(lines().includes("MAINPID=1"));
    mustSucceed(await box.kill("KILL"));
    await running;
  },
  needsBun,
  tsrunOnly("passes READY on only"),
);

behaviour(
  "the socket is there for an ordinary user in a user namespace, on a read-only mount",
  async (t, lab) => {
    const { env } = await startManager(lab);
    const test =
      "[ -S $NOTIFY_SOCKET ] && [ -w $NOTIFY_SOCKET ] && ! touch /run/notify/x 2>/dev/null && echo fine";
    const box = lab.container((config) => {
      Container.script(test)(config);
      mapIds(config, 200_000, 65_536);
      config.process.user = { uid: 1000, gid: 1000 };
    });
    // The container's root may not create it.
    mkdirSync(join(box.rootfs, "run/notify"), { recursive: true });
    const result = await box.run({ env });
    t.equal(result.stdout, "fine\n", result.stderr);
  },
  needsBun,
  tsrunOnly("waits for READY for ever in the foreground"),
);

behaviour(
  "without NOTIFY_SOCKET there is no mount, no variable and no waiting",
  async (t, lab) => {
    const { env, said } = await startManager(lab);
    const script = 'echo "[$NOTIFY_SOCKET]"; ls /run/notify 2>/dev/null; true';
    const box = lab.container(Container.script(script));
    t.equal(await box.live(), "[]\n");
    t.notOk(existsSync(join(box.rootfs, "run/notify")));
    // AS RUNC: both commands need the variable. Without it start does not wait, and nobody listens.
    const other = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await other.create({ env }));
    mustSucceed(await other.start());
    t.equal((await other.stateDocument()).status, "running");
    t.strictSame(said(), []);
  },
  needsBun,
);

behaviour(
  "start with NOTIFY_SOCKET of a container created without it does not wait either",
  async (t, lab) => {
    const { env } = await startManager(lab);
    const box = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await box.create());
    mustSucceed(await box.start({ env }));
    t.equal((await box.stateDocument()).status, "running");
  },
  needsBun,
  tsrunOnly("fails, since there is no directory for the socket"),
);

behaviour(
  "a manager that is not there is told before anything runs",
  async (t, lab) => {
    const env = { ...plainEnv, NOTIFY_SOCKET: join(lab.folder, "nobody.sock") };
    const line = /cannot connect to ".*nobody\.sock" of NOTIFY_SOCKET: no such file or directory/;
    const box = lab.container(Container.script("echo ran"));
    refused(t, await box.run({ env }), line);
    await nothingLeft(t, lab, "after run");
    mustSucceed(await box.create({ env }));
    refused(t, await box.start({ env }), line);
    t.equal((await box.stateDocument()).status, "created");
    t.ok(statSync(join(lab.stateRoot, box.id, "notify")).isDirectory());
    mustSucceed(await box.delete());
    await nothingLeft(t, lab, "after delete");
  },
  tsrunOnly("starts the container first"),
);

behaviour(
  "a container that was checkpointed and restored can report as before",
  async (t, lab) => {
    const { env, lines } = await startManager(lab);
    const box = counter(lab);
    mustSucceed(await box.create({ ...silently, env }));
    mustSucceed(await box.start());
    await countsOn(box);
    mustSucceed(await checkpoint(box));
    const restored = restore(box, { env });
    await runsAgain(box);
    await say(box, "STATUS=restored");
    await until("the report", () => lines().includes("STATUS=restored"));
    mustSucceed(await box.kill("KILL"));
    t.equal((await restored).code, 137);
    await nothingLeft(t, lab, "after restore");
  },
  needsBun,
  needsCriu(),
  tsrunOnly("passes nothing on but READY"),
);
