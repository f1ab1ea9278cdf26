// What goes wrong around a shim: it runs out of descriptors, a bundle vanishes, callers give up, commands are
// killed. It still tells of ends, leaves nothing behind, and answers others.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, existsSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encode } from "../../src/protobuf/protobuf.ts";
import { TASK_METHODS } from "../../src/shim/messages/task.ts";
import { REQUEST } from "../../src/shim/ttrpc/frame.ts";
import type { Config } from "../support/config.ts";
import { hasEnded, signalProcess } from "../support/host.ts";
import { needsStrace } from "../support/injection.ts";
import { NAMESPACE, optionsFor, refusal, Shim, ShimClient, shimPath, startShim } from "../support/shim.ts";
import {
  document,
  privateKib,
  processOf,
  shimCase,
  shimWith,
  sleeping,
  sleepingInPod,
} from "../support/shim-cases.ts";
import { until } from "../support/wait.ts";

/** How long an answer may take before it counts as none. */
const LATE_MS = 20_000;

function inTime<T>(asked: Promise<T>): Promise<T | "late"> {
  const late = new Promise<"late">((resolve) => void setTimeout(() => resolve("late"), LATE_MS).unref());
  return Promise.race([asked, late]);
}

/** Lets the shim have no descriptor above this number. */
function limitFiles(shim: Shim, limit: number): void {
  execFileSync("prlimit", ["--pid", String(shim.pid), `--nofile=${limit}:`]);
}

/** A container whose creation takes until the file `go` exists; the file `called` has its command's pid. */
function slowToMake(folder: string): (config: Config) => void {
  const [called, go] = [join(folder, "called"), join(folder, "go")];
  const tell = `echo $PPID > ${called}.new; mv ${called}.new ${called}`;
  const script = `${tell}; until [ -e ${go} ]; do sleep 0.02; done`;
  return (config) => {
    sleeping(config);
    config.hooks = { createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", script] }] };
  };
}

shimCase("an end is told of when the bundle's configuration is gone", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { client, box } = shim;
  const path = join(box.bundle, "config.json");
  renameSync(path, `${path}.away`);
  await client.call("Kill", { id: box.id, signal: 9 });
  t.match(await inTime(client.call("Wait", { id: box.id })), { exitStatus: 137 });
  await shim.containerd.waitFor("TaskExit");
  renameSync(`${path}.away`, path);
  await shim.stop();
});

shimCase("without free descriptors an end is told of, and connections wait quietly", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { client, box } = shim;
  await shim.containerd.waitFor("TaskStart");
  const { pid = 0 } = await client.call("State", { id: box.id });
  const ticks = (): number => {
    const fields = readFileSync(`/proc/${shim.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return Number(fields[11]) + Number(fields[12]);
  };
  limitFiles(shim, 4);
  const before = ticks();
  const other = await ShimClient.connect(shim.address);
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  t.ok(ticks() - before < 20, `${ticks() - before} ticks of the processor`);
  signalProcess(pid, "SIGKILL");
  t.match(await inTime(client.call("Wait", { id: box.id })), { exitStatus: 137 });
  limitFiles(shim, 1_000);
  t.match(await inTime(other.call("Wait", { id: box.id })), { exitStatus: 137 });
  other.close();
  await shim.stop();
});

shimCase("streams for which there are too few descriptors leave none open", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { client, box } = shim;
  const { id } = box;
  await shim.containerd.waitFor("TaskStart");
  const [stdin, stdout] = [shim.fifo("in"), shim.fifo("out")];
  const reader = openSync(stdout, constants.O_RDONLY | constants.O_NONBLOCK);
  const before = shim.descriptors;
  for (let free = 1; free < 10; free++) {
    for (const [index, streams] of [{ stdin, stdout }, { stdout: "binary:///bin/cat" }].entries()) {
      const execId = `e-${free}-${index}`;
      await client.call("Exec", { id, execId, ...streams, spec: processOf(shim, "exit 0") });
      limitFiles(shim, before + free);
      const [code] = await refusal(client.call("Start", { id, execId }));
      limitFiles(shim, 1_000);
      if (code === 0) await client.call("Wait", { id, execId });
      await client.call("Delete", { id, execId });
    }
  }
  await until("the descriptors to be closed", () => shim.descriptors <= before, 5_000);
  t.equal(shim.descriptors, before);
  closeSync(reader);
  await shim.stop();
});

shimCase("a container that nobody waits for any more is not made, and its shim may end", async (t, lab) => {
  const shim = await Shim.start(lab, lab.container(slowToMake(lab.folder)));
  const { client, box, pid } = shim;
  const { id, bundle } = box;
  const payload = encode(TASK_METHODS.Create[0], { id, bundle, options: optionsFor(lab) });
  const service = "containerd.task.v2.Task";
  const message = encode(REQUEST, { service, method: "Create", payload, timeoutNano: 1e9 });
  const answer = refusal(client.ask(message)).catch(() => "the connection has ended");
  await until("the hook to run", () => existsSync(join(lab.folder, "called")));
  // As containerd does once its own deadline has passed.
  await client.call("Shutdown", { id });
  t.match(await inTime(answer), [4, "nobody waits for it any more"]);
  await until("the shim to end", () => hasEnded(pid));
  writeFileSync(join(lab.folder, "go"), "");
  t.equal((await box.state()).code, 1, "there is no container");
  t.strictSame(shim.containerd.names(), []);
  client.close();
  await shim.containerd.close();
});

shimCase("a creation whose command is killed leaves nothing, and its id may be used", async (t, lab) => {
  const shim = await Shim.start(lab, lab.container(slowToMake(lab.folder)));
  const refused = refusal(shim.create());
  const called = join(lab.folder, "called");
  await until("the hook to run", () => existsSync(called));
  signalProcess(Number(readFileSync(called, "utf8")), "SIGKILL");
  t.match(await refused, [2, "killed by signal 9"]);
  writeFileSync(join(lab.folder, "go"), "");
  t.equal((await refusal(shim.create()))[0], 0);
  await shim.stop();
});

shimCase("a shim that is about to end makes no container", async (t, lab) => {
  const shim = await shimWith("stopped", lab);
  const { client, box, pid } = shim;
  const other = lab.container(sleeping);
  // Its last words wait for an answer.
  shim.containerd.hold();
  await client.call("Delete", { id: box.id });
  await client.call("Shutdown", { id: box.id });
  t.notOk(existsSync(shim.address.replace(/^unix:\/\//, "")), "nobody finds it any more");
  t.match(await refusal(shim.create({ id: other.id, bundle: other.bundle })), [14, "about to end"]);
  shim.containerd.release();
  await until("the shim to end", () => hasEnded(pid));
  t.equal((await other.state()).code, 1);
  client.close();
  await shim.containerd.close();
});

shimCase("thousands of requests may wait for one", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { client, box } = shim;
  const { id } = box;
  const stdout = shim.fifo("out");
  const reader = openSync(stdout, constants.O_RDONLY | constants.O_NONBLOCK);
  // Its output is open after its end, so its deletion waits for ten seconds.
  const spec = processOf(shim, "sleep 1000 & exit 0");
  await client.call("Exec", { id, execId: "one", stdout, spec });
  await client.call("Start", { id, execId: "one" });
  await client.call("Wait", { id, execId: "one" });
  const deleted = client.call("Delete", { id, execId: "one" });
  const many = Array.from({ length: 3_000 }, () => refusal(client.call("Start", { id, execId: "one" })));
  await deleted;
  const answers = await inTime(Promise.all(many));
  t.not(answers, "late");
  t.strictSame([...new Set(answers === "late" ? [] : answers.map(([code]) => code))], [2]);
  closeSync(reader);
  await shim.stop();
});

shimCase("a wait whose caller has left keeps no memory", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { id } = shim.box;
  const ask = async (): Promise<number> => {
    const client = await ShimClient.connect(shim.address);
    for (let count = 0; count < 1_000; count++) client.call("Wait", { id }).catch(() => {});
    await client.call("State", { id });
    client.close();
    await shim.client.call("State", { id });
    return privateKib(shim.pid);
  };
  const first = await ask();
  for (let round = 0; round < 3; round++) await ask();
  const last = await ask();
  t.ok(last - first < 2_000, `${first} KiB, then ${last} KiB`);
  await shim.stop();
});

shimCase("a terminal that nobody reads may get the output, and holds nobody", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { client, box } = shim;
  const { id } = box;
  const script =
    "import os,pty,time,tty;m,s=pty.openpty();tty.setraw(s);print(os.ttyname(s),flush=True);time.sleep(600)";
  const owner = spawn("python3", ["-c", script], { stdio: ["ignore", "pipe", "ignore"] });
  const [name] = (await once(owner.stdout, "data")) as [Buffer];
  const stdout = name.toString().trim();
  await client.call("Exec", { id, execId: "one", stdout, spec: processOf(shim, "yes | head -c 300000") });
  await client.call("Start", { id, execId: "one" });
  t.match(await inTime(client.call("State", { id })), { id });
  owner.kill();
  t.match(await inTime(client.call("Wait", { id, execId: "one" })), { exitStatus: 0 }, "it goes on without");
  await client.call("Delete", { id, execId: "one" });
  await shim.stop();
});

shimCase("an exec that is started again after a failure ends with its own status", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { client, box } = shim;
  const { id } = box;
  await client.call("Exec", {
    id,
    execId: "one",
    spec: document({ ...box.config.process, args: ["/later"] }),
  });
  t.equal((await refusal(client.call("Start", { id, execId: "one" })))[0], 2);
  writeFileSync(join(box.rootfs, "later"), "#!/bin/sh\nexit 9\n", { mode: 0o755 });
  await client.call("Start", { id, execId: "one" });
  t.match(await client.call("Wait", { id, execId: "one" }), { exitStatus: 9 });
  t.match((await shim.containerd.waitFor("TaskExit")).values, { exitStatus: 9 });
  await shim.stop();
});

shimCase("an exec whose start fails when its process is there has no end either", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { client, box, containerd } = shim;
  const { id } = box;
  const stdout = join(lab.folder, "gone");
  await client.call("Exec", { id, execId: "e", stdout, spec: processOf(shim, "exit 3") });
  t.match((await refusal(client.call("Start", { id, execId: "e" })))[1], /gone/);
  await client.call("Wait", { id, execId: "e" });
  await client.call("Delete", { id, execId: "e" });
  t.strictSame(containerd.names(), ["TaskCreate", "TaskStart", "TaskExecAdded"]);
  await shim.stop();
});

shimCase("paths of files and loggers are written with percent-encoding", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { client, box } = shim;
  const { id } = box;
  const logger = join(lab.folder, "c++ logger");
  // The shim asks it to end as soon as the process has, as containerd's does, perhaps before it has written.
  const script = '#!/bin/sh\ntrap "" TERM\nexec 5>&-\ncat <&3 > "$0.out"\n';
  writeFileSync(logger, script, { mode: 0o755 });
  const run = async (execId: string, stdout: string): Promise<void> => {
    await client.call("Exec", { id, execId, stdout, spec: processOf(shim, "echo there") });
    await client.call("Start", { id, execId });
    await client.call("Wait", { id, execId });
    await client.call("Delete", { id, execId });
  };
  await run("one", `file://${lab.folder}/a%20file?x=y`);
  t.equal(readFileSync(join(lab.folder, "a file"), "utf8"), "there\n");
  await run("two", `binary://${logger.replace(" ", "%20")}`);
  t.equal(readFileSync(`${logger}.out`, "utf8"), "there\n");
  await shim.stop();
});

shimCase("a shim that has no room for a connection is not taken for dead", async (t, lab) => {
  const shim = await shimWith("running", lab, sleepingInPod);
  const { pid } = shim;
  signalProcess(pid, "SIGSTOP");
  // As many as may wait, and one.
  const held = await Promise.all(Array.from({ length: 129 }, () => ShimClient.connect(shim.address)));
  const other = lab.container(sleepingInPod);
  const { address } = JSON.parse(startShim(lab, shim.containerd, other)) as { address: string };
  t.equal(address, shim.address);
  t.notOk(existsSync(join(other.bundle, "shim.pid")), "there is no second shim");
  signalProcess(pid, "SIGCONT");
  for (const client of held) client.close();
  await shim.stop();
});

shimCase(
  "of two starts that find the socket of a dead shim, one starts a shim, and both name it",
  async (t, lab) => {
    const dead = await shimWith("absent", lab, sleepingInPod);
    const { containerd } = dead;
    signalProcess(dead.pid, "SIGKILL");
    await until("the shim to end", () => hasEnded(dead.pid));
    dead.client.close();
    const [one, other] = [lab.container(sleepingInPod), lab.container(sleepingInPod)];
    // The first one takes long to remove the socket.
    const slow = [
      "-o",
      "/dev/null",
      "-e",
      "trace=unlinkat",
      "-e",
      "inject=unlinkat:delay_enter=1500000:when=1",
    ];
    const words = ["-namespace", NAMESPACE, "-address", containerd.address, "-id", one.id, "start"];
    const options = { cwd: one.bundle, env: { ...process.env, ...containerd.environment } };
    const first = spawn("strace", [...slow, shimPath(lab), ...words], {
      ...options,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const ended = once(first, "exit");
    await new Promise((resolve) => setTimeout(resolve, 700));
    const { address } = JSON.parse(startShim(lab, containerd, other)) as { address: string };
    await ended;
    const pids = [one, other]
      .map(({ bundle }) => join(bundle, "shim.pid"))
      .filter((path) => existsSync(path));
    t.equal(pids.length, 1, "there is one shim");
    const client = await ShimClient.connect(address);
    await client.call("Shutdown", {});
    const pid = readFileSync(pids[0] ?? "", "utf8");
    await until("the shim to end", () => hasEnded(pid));
    client.close();
    await containerd.close();
  },
  needsStrace,
);

shimCase("start names a configuration that is no JSON", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const box = lab.container();
  box.writeConfig("{");
  let said = "";
  try {
    startShim(lab, shim.containerd, box);
  } catch (error) {
    said = String((error as { stderr?: unknown }).stderr);
  }
  t.match(said, /cannot parse .*config\.json/);
  await shim.stop();
});

shimCase(
  "a root that takes long to mount or to unmount holds nobody",
  async (t, lab) => {
    const shim = await shimWith("running", lab, sleepingInPod);
    const { client, box, pid } = shim;
    const other = lab.container(sleepingInPod);
    const slow = ["mount", "umount2"].flatMap((call) => ["-e", `inject=${call}:delay_enter=3000000:when=1`]);
    const words = ["-f", "-p", String(pid), "-o", "/dev/null", "-e", "trace=mount,umount2", ...slow];
    const strace = spawn("strace", words, { stdio: ["ignore", "ignore", "pipe"] });
    await once(strace.stderr, "data");
    let longest = 0;
    const whileOthersAsk = async (asked: Promise<unknown>): Promise<void> => {
      let isOver = false;
      const over = asked.finally(() => {
        isOver = true;
      });
      while (!isOver) {
        const before = performance.now();
        await client.call("State", { id: box.id });
        longest = Math.max(longest, performance.now() - before);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      await over;
    };
    const rootfs = [{ type: "bind", source: other.rootfs, options: ["rbind"] }];
    await whileOthersAsk(shim.create({ id: other.id, bundle: other.bundle, rootfs }));
    await client.call("Kill", { id: other.id, signal: 9 });
    await client.call("Wait", { id: other.id });
    await whileOthersAsk(client.call("Delete", { id: other.id }));
    t.ok(longest < 2_500, `the longest answer took ${Math.round(longest)} ms`);
    strace.kill("SIGTERM");
    await once(strace, "exit");
    await shim.stop();
  },
  needsStrace,
);
