// Streams and options that are not what they should be: the request that names them is refused, keeps nothing
// open, and holds no other request.

import { execFileSync } from "node:child_process";
import { closeSync, constants, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Test } from "tap";
import { encode } from "../../src/protobuf/protobuf.ts";
import { GENERIC_OPTIONS } from "../../src/shim/messages/options.ts";
import { STATUS } from "../../src/shim/messages/task.ts";
import { refusal, type Shim } from "../support/shim.ts";
import { processOf, readFifo, shimCase, shimWith } from "../support/shim-cases.ts";
import { until } from "../support/wait.ts";

type Streams = { readonly stdin?: string; readonly stdout?: string; readonly stderr?: string };

/** The error of an exec with these streams. */
async function errorOf(shim: Shim, execId: string, streams: Streams, terminal: boolean): Promise<string> {
  const { id } = shim.box;
  const spec = processOf(shim, "exit 0");
  await shim.client.call("Exec", { id, execId, spec, terminal, ...streams });
  const [code, text] = await refusal(shim.client.call("Start", { id, execId }));
  await shim.client.call("Delete", { id, execId }).catch(() => {});
  return code === 0 ? "none" : text;
}

shimCase("streams that cannot be opened are named, and nothing stays open", async (t, lab) => {
  const shim = await shimWith("running", lab);
  await shim.containerd.waitFor("TaskStart");
  const [file, folder, socket] = ["file", "folder", "socket"].map((name) => join(lab.folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(file, "x");
  mkdirSync(folder);
  const server = createServer().listen(socket);
  await until("the socket", () => existsSync(socket));
  const fine = shim.fifo("fine");
  const reader = openSync(fine, constants.O_RDONLY | constants.O_NONBLOCK);
  const cases: readonly (readonly [Streams, string])[] = [
    [{ stdout: "binary:///no/such/logger" }, "/no/such/logger"],
    [{ stdout: `binary://${folder}` }, folder],
    [{ stdout: `file://${folder}` }, folder],
    [{ stdout: folder }, folder],
    [{ stdout: socket }, socket],
    [{ stdout: fine, stderr: "/no/such/fifo" }, "/no/such/fifo"],
    [{ stdin: file }, file],
    [{ stdin: folder }, folder],
    [{ stdin: socket }, socket],
    [{ stdin: "/no/such/fifo" }, "/no/such/fifo"],
  ];
  const before = shim.descriptors;
  for (const [index, [streams, named]] of cases.entries()) {
    for (const terminal of [false, true]) {
      // A terminal has no stderr of its own.
      if (terminal && streams.stderr !== undefined) continue;
      const error = await errorOf(shim, `e-${index}-${terminal}`, streams, terminal);
      t.ok(error.includes(named), `${JSON.stringify(streams)}, terminal ${terminal}: ${error}`);
    }
  }
  await until("the descriptors to be closed", () => shim.descriptors <= before, 3_000);
  t.equal(readFileSync(file, "utf8"), "x");
  closeSync(reader);
  server.close();
  await shim.stop();
});

shimCase("a logger that never says that it is ready ends after 30 s", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { client, box } = shim;
  const logger = join(lab.folder, "logger");
  writeFileSync(logger, `#!/bin/sh\necho $$ > ${logger}.pid\nexec sleep 1000\n`, { mode: 0o755 });
  const before = shim.descriptors;
  const error = errorOf(shim, "quiet", { stdout: `binary://${logger}` }, false);
  await until("the logger to run", () => existsSync(`${logger}.pid`));
  t.equal((await client.call("State", { id: box.id })).status, STATUS.running, "another request is answered");
  t.match(await error, `"${logger}" has not said within 30 s that it is ready`);
  t.notOk(existsSync(`/proc/${readFileSync(`${logger}.pid`, "utf8").trim()}`), "it is killed");
  await until("the descriptors to be closed", () => shim.descriptors <= before, 3_000);
  await shim.stop();
});

/** Others are answered meanwhile. */
async function answers(t: Test, shim: Shim): Promise<void> {
  const late = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 10_000));
  const answer = await Promise.race([shim.client.call("State", { id: shim.box.id }), late]);
  t.equal(answer?.status, STATUS.running, "another request is answered");
}

shimCase("a FIFO as file:// that nobody reads yet holds nobody", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { client, box } = shim;
  const fifo = shim.fifo("slow");
  const spec = processOf(shim, "until [ -e /go ]; do sleep 0.05; done; echo there");
  await client.call("Exec", { id: box.id, execId: "one", stdout: `file://${fifo}`, spec });
  const started = client.call("Start", { id: box.id, execId: "one" }).catch(() => undefined);
  await answers(t, shim);
  const out = readFifo(fifo);
  writeFileSync(join(box.rootfs, "go"), "");
  await started;
  await client.call("Wait", { id: box.id, execId: "one" });
  await client.call("Delete", { id: box.id, execId: "one" });
  t.equal(await out, "there\n");
  await shim.stop();
});

shimCase("a FIFO or a device in place of a file of options is refused, and holds nobody", async (t, lab) => {
  const shim = await shimWith("running", lab);
  for (const configPath of [shim.fifo("options"), "/dev/zero", join(lab.folder)]) {
    const value = encode(GENERIC_OPTIONS, { typeUrl: "x", configPath });
    const options = { typeUrl: "runtimeoptions.v1.Options", value };
    const other = lab.container();
    const { id, bundle } = other;
    const refused = refusal(shim.client.call("Create", { id, bundle, options }));
    await answers(t, shim);
    t.match(await refused, [3, configPath]);
  }
  await shim.stop();
});

shimCase("a FIFO in place of a bundle's configuration is refused, and holds nobody", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { id, bundle } = lab.container();
  const path = join(bundle, "config.json");
  execFileSync("rm", ["-f", path]);
  execFileSync("mkfifo", [path]);
  const refused = refusal(shim.client.call("Create", { id, bundle }));
  await answers(t, shim);
  t.match((await refused)[1], "config.json");
  await shim.stop();
});
