// The streams of processes under tsrun as containerd's shim: FIFOs, files, a program of the caller's,
// terminals; execs; and containerd that goes away.

import { execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  createReadStream,
  existsSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { Container } from "../support/container.ts";
import { refusal, Shim } from "../support/shim.ts";
import {
  document,
  processOf,
  readFifo,
  shimCase,
  shimWith,
  sleeping,
  withRootAs,
} from "../support/shim-cases.ts";
import { until } from "../support/wait.ts";

shimCase("stdin, stdout and stderr go through the FIFOs", async (t, lab) => {
  const shim = await Shim.start(lab, lab.container(Container.script("cat; echo done >&2")));
  const [stdin, stdout, stderr] = ["in", "out", "err"].map((name) => shim.fifo(name)) as [
    string,
    string,
    string,
  ];
  const [out, err] = [readFifo(stdout), readFifo(stderr)];
  await shim.create({ stdin, stdout, stderr });
  await shim.client.call("Start", { id: shim.box.id });
  const writer = openSync(stdin, "w");
  writeSync(writer, "hello\n");
  closeSync(writer);
  await shim.client.call("CloseIO", { id: shim.box.id, stdin: true });
  await shim.client.call("Wait", { id: shim.box.id });
  await shim.client.call("Delete", { id: shim.box.id });
  t.equal(await out, "hello\n");
  t.equal(await err, "done\n");
  await shim.stop();
});

/** What `seq` prints: each part of it is found at one place only. */
const NUMBERS = Array.from({ length: 1_000_000 }, (_, index) => `${index + 1}\n`).join("");
const COUNT = Container.script("seq 1 1000000");

shimCase("much output arrives whole, whatever its reader does meanwhile", async (t, lab) => {
  const shim = await Shim.start(lab, lab.container(COUNT));
  const stdout = shim.fifo("out");
  const reader = spawn("cat", [stdout], { stdio: ["ignore", "pipe", "inherit"] });
  await shim.create({ stdout });
  await shim.client.call("Start", { id: shim.box.id });
  // The shim answers while nobody reads.
  await until("the FIFO to be full", () => isFull(shim));
  const hash = createHash("sha256");
  let got = 0;
  for await (const chunk of reader.stdout) {
    hash.update(chunk as Buffer);
    got += (chunk as Buffer).length;
    if (got >= NUMBERS.length) break;
  }
  t.equal(got, NUMBERS.length);
  t.equal(hash.digest("hex"), createHash("sha256").update(NUMBERS).digest("hex"));
  await shim.stop();
});

shimCase("a reader that leaves and comes back finds all that it has not read", async (t, lab) => {
  const shim = await Shim.start(lab, lab.container(COUNT));
  const stdout = shim.fifo("out");
  // Readers of their own, since a stream of Node's reads more than it gives.
  const [first, second] = ["first", "second"].map((name) => join(lab.folder, name)) as [string, string];
  const reads = (command: string, to: string): Promise<unknown> =>
    once(spawn("sh", ["-c", `exec ${command} <${stdout} >${to}`], { stdio: "ignore" }), "exit");
  const head = reads("dd bs=1 count=5000", first);
  await shim.create({ stdout });
  await shim.client.call("Start", { id: shim.box.id });
  await head;
  await until("the FIFO to be full", () => isFull(shim));
  const rest = reads("cat", second);
  t.equal((await shim.client.call("Wait", { id: shim.box.id })).exitStatus, 0);
  await shim.client.call("Delete", { id: shim.box.id });
  await rest;
  t.ok(readFileSync(first, "utf8") + readFileSync(second, "utf8") === NUMBERS, "nothing lost, nothing twice");
  await shim.stop();
});

/** How much a container prints, MiB; SHIM_OUTPUT=1024 is a GiB. */
const OUTPUT_MIB = Number(process.env.SHIM_OUTPUT ?? 64);
/** No multiple of what a pipe, a page or a read holds. */
const BLOCK = randomBytes(1_000_003);

shimCase(`${OUTPUT_MIB} MiB of output arrive whole and in order`, async (t, lab) => {
  const blocks = Math.ceil((OUTPUT_MIB << 20) / BLOCK.length);
  const script = `i=0; while [ $i -lt ${blocks} ]; do echo $i; cat /block; i=$((i+1)); done`;
  const shim = await Shim.start(lab, lab.container(Container.script(script)));
  writeFileSync(join(shim.box.rootfs, "block"), BLOCK);
  const stdout = shim.fifo("out");
  const firstFault = compareOutput(stdout, blocks);
  await shim.create({ stdout });
  await shim.client.call("Start", { id: shim.box.id });
  t.equal((await shim.client.call("Wait", { id: shim.box.id })).exitStatus, 0);
  await shim.client.call("Delete", { id: shim.box.id });
  t.equal(await firstFault, "none");
  await shim.stop();
});

/** Reads a FIFO to its end: numbers, and BLOCK after each. Says where it differs from that. */
async function compareOutput(path: string, blocks: number): Promise<string> {
  let [at, block, expected] = [0, 0, Buffer.concat([Buffer.from("0\n"), BLOCK])];
  let fault: string | undefined;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    for (let rest = chunk as Buffer; rest.length > 0; ) {
      const length = Math.min(rest.length, expected.length - at);
      const same = rest.compare(expected, at, at + length, 0, length) === 0;
      if (!same) fault ??= `after byte ${at} of block ${block}`;
      rest = rest.subarray(length);
      at += length;
      if (at < expected.length) continue;
      block += 1;
      at = 0;
      expected = Buffer.concat([Buffer.from(`${block}\n`), BLOCK]);
    }
  }
  if (block !== blocks || at !== 0) fault ??= `the end is after byte ${at} of block ${block}`;
  return fault ?? "none";
}

/** The container waits until somebody takes its output. */
async function isFull(shim: Shim): Promise<boolean> {
  const { pid } = await shim.client.call("State", { id: shim.box.id });
  return /pipe_write/.test(readFileSync(`/proc/${pid}/wchan`, "utf8"));
}

shimCase("file:// appends to a file that it makes, with what is missing above it", async (t, lab) => {
  const shim = await Shim.start(lab, lab.container(Container.script("echo out; echo err >&2")));
  const path = join(lab.folder, "logs/deep/out.log");
  await shim.create({ stdout: `file://${path}`, stderr: `file://${path}` });
  await shim.client.call("Start", { id: shim.box.id });
  await shim.client.call("Wait", { id: shim.box.id });
  await shim.client.call("Delete", { id: shim.box.id });
  t.same(readFileSync(path, "utf8").split("\n").sort(), ["", "err", "out"]);
  await shim.stop();
});

shimCase("binary:// starts a program that gets the output, and its arguments", async (t, lab) => {
  const shim = await Shim.start(lab, lab.container(Container.script("echo out; echo err >&2")));
  const [program, log] = [join(lab.folder, "logger"), join(lab.folder, "log")];
  const lines = 'echo "$CONTAINER_ID $CONTAINER_NAMESPACE $*"; cat <&3; cat <&4';
  const text = `#!/bin/sh\nexec 5>&-\n{ ${lines}; } > ${log}\n`;
  writeFileSync(program, text);
  chmodSync(program, 0o755);
  const uri = `binary://${program}?one=1&two`;
  await shim.create({ stdout: uri, stderr: uri });
  await shim.client.call("Start", { id: shim.box.id });
  await shim.client.call("Wait", { id: shim.box.id });
  const whole = `${shim.box.id} state one 1 two\nout\nerr\n`;
  await until("the log to be whole", () => existsSync(log) && readFileSync(log, "utf8") === whole);
  await shim.client.call("Delete", { id: shim.box.id });
  await shim.stop();
  t.equal(readFileSync(log, "utf8"), whole);
});

shimCase("a terminal is passed on both ways, and has the size that is asked for", async (t, lab) => {
  const script = "read line; stty size; echo got $line";
  const terminal = (config: Container["config"]): void => {
    Container.script(script)(config);
    config.process.terminal = true;
  };
  const shim = await Shim.start(lab, lab.container(terminal));
  const [stdin, stdout] = [shim.fifo("in"), shim.fifo("out")];
  const out = readFifo(stdout);
  await shim.create({ stdin, stdout, terminal: true });
  await shim.client.call("Start", { id: shim.box.id });
  await shim.client.call("ResizePty", { id: shim.box.id, width: 77, height: 22 });
  const writer = openSync(stdin, "w");
  writeSync(writer, "x\n");
  await shim.client.call("Wait", { id: shim.box.id });
  await shim.client.call("Delete", { id: shim.box.id });
  closeSync(writer);
  t.match(await out, /22 77\r\ngot x\r\n/);
  await shim.stop();
});

shimCase("exec: added, started, its output, its end, and gone", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { client, containerd } = shim;
  const { id } = shim.box;
  const stdout = shim.fifo("out");
  const out = readFifo(stdout);
  const spec = processOf(shim, "echo inside; exit 5");
  await client.call("Exec", { id, execId: "one", stdout, spec });
  const { pid } = await client.call("Start", { id, execId: "one" });
  t.match(await client.call("Wait", { id, execId: "one" }), { exitStatus: 5 });
  t.match(await client.call("Delete", { id, execId: "one" }), { pid, exitStatus: 5 });
  t.equal(await out, "inside\n");
  await containerd.waitFor("TaskExit");
  t.strictSame(containerd.names().slice(2), ["TaskExecAdded", "TaskExecStarted", "TaskExit"]);
  t.match(containerd.events.at(-1)?.values, { containerId: id, id: "one", pid, exitStatus: 5 });
  t.equal((await refusal(client.call("State", { id, execId: "one" })))[0], 5, "it is gone");
  await shim.stop();
});

shimCase("an exec that cannot be started is refused in the runtime's words", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { id } = shim.box;
  const spec = document({ ...shim.box.config.process, args: ["/nowhere"] });
  await shim.client.call("Exec", { id, execId: "bad", spec });
  const [, text] = await refusal(shim.client.call("Start", { id, execId: "bad" }));
  t.match(text, /^OCI runtime exec failed: .*\/nowhere.*no such file/);
  await shim.client.call("Delete", { id, execId: "bad" });
  await shim.stop();
});

shimCase("execs that fail at once are refused each in its own words", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { id } = shim.box;
  const names = Array.from({ length: 8 }, (_, index) => `no-${index}`);
  for (const name of names) {
    const spec = document({ ...shim.box.config.process, args: [`/${name}`] });
    await shim.client.call("Exec", { id, execId: name, spec });
  }
  const start = (execId: string): Promise<readonly [number, string]> =>
    refusal(shim.client.call("Start", { id, execId }));
  const answers = await Promise.all(names.map(start));
  for (const [index, name] of names.entries()) t.match(answers[index], [2, `/${name}`]);
  await shim.stop();
});

shimCase("events are kept while containerd is away, and told in order when it is back", async (t, lab) => {
  const shim = await Shim.start(lab, lab.container(sleeping));
  const { client, containerd } = shim;
  const { id } = shim.box;
  await shim.create();
  await containerd.waitFor("TaskCreate");
  await containerd.close();
  await client.call("Start", { id });
  await client.call("Pause", { id });
  await client.call("Resume", { id });
  execFileSync("rm", ["-f", `${containerd.address}.ttrpc`]);
  await containerd.listen();
  await containerd.waitFor("TaskResumed");
  t.strictSame(containerd.names(), ["TaskCreate", "TaskStart", "TaskPaused", "TaskResumed"]);
  await shim.stop();
});

/** Adds this many execs, without waiting for answers. Calls `answered` for each. */
function addExecs(shim: Shim, count: number, answered: () => void): Promise<unknown> {
  const spec = processOf(shim, "true");
  const ids = Array.from({ length: count }, (_, index) => `e${index}`);
  return Promise.all(
    ids.map((execId) => shim.client.call("Exec", { id: shim.box.id, execId, spec }).then(answered)),
  );
}

/** The execs that containerd has been told of. */
const addedTo = ({ containerd }: Shim): unknown[] =>
  containerd.events.filter(({ name }) => name === "TaskExecAdded").map(({ values }) => values.execId);

shimCase("requests wait while containerd takes events slowly, and none is lost", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { client, containerd, box } = shim;
  await containerd.waitFor("TaskStart");
  containerd.hold();
  let answered = 0;
  const all = addExecs(shim, 200, () => {
    answered += 1;
  });
  // Requests of one connection are looked at one after another, and this one does not wait.
  await client.call("State", { id: box.id });
  t.ok(answered > 64 && answered < 160, `${answered} of 200 have been answered`);
  containerd.release();
  await all;
  await containerd.waitFor("TaskExecAdded", 200);
  t.strictSame(
    addedTo(shim),
    Array.from({ length: 200 }, (_, index) => `e${index}`),
  );
  await shim.stop();
});

shimCase("requests do not wait for a containerd that is away", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { containerd } = shim;
  await containerd.waitFor("TaskStart");
  await containerd.close();
  await addExecs(shim, 200, () => {});
  execFileSync("rm", ["-f", `${containerd.address}.ttrpc`]);
  await containerd.listen();
  await containerd.waitFor("TaskExecAdded", 200);
  t.strictSame(
    addedTo(shim),
    Array.from({ length: 200 }, (_, index) => `e${index}`),
  );
  await shim.stop();
});

shimCase(
  "the root of a user namespace may open its output again, though nobody tells the shim whose it is",
  async (t, lab) => {
    const shim = await Shim.start(
      lab,
      lab.container(withRootAs(100_000, Container.script("echo again > /proc/self/fd/1"))),
    );
    const stdout = shim.fifo("out");
    const out = readFifo(stdout);
    await shim.create({ stdout });
    await shim.client.call("Start", { id: shim.box.id });
    t.equal((await shim.client.call("Wait", { id: shim.box.id })).exitStatus, 0);
    await shim.client.call("Delete", { id: shim.box.id });
    t.equal(await out, "again\n");
    await shim.stop();
  },
);
