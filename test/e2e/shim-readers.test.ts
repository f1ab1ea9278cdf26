// Readers of a process's output that come late, or never: the shim waits for them, as containerd's own does.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { STATUS } from "../../src/shim/messages/task.ts";
import { refusal } from "../support/shim.ts";
import { processOf, shimCase, shimWith } from "../support/shim-cases.ts";
import { until } from "../support/wait.ts";

/** How long the readers stay away after the process has ended. */
const LATE_MS = 300;
/** gRPC's DeadlineExceeded. */
const TOO_LATE = 4;

/** Reads a FIFO as containerd does: the open waits for a writer. A reader that waits for ever is ended. */
async function read(path: string): Promise<string> {
  return (await promisify(execFile)("cat", [path], { timeout: 10_000 })).stdout;
}

const WAYS = [
  { way: "FIFOs", scheme: "", terminal: false, out: "out\n", err: "err\n" },
  { way: "a FIFO as file://", scheme: "file://", terminal: false, out: "out\nerr\n", err: "" },
  { way: "a terminal", scheme: "", terminal: true, out: "out\r\nerr\r\n", err: "" },
];

for (const { way, scheme, terminal, out, err } of WAYS) {
  shimCase(`what a process has printed before its reader came is not lost: ${way}`, async (t, lab) => {
    const shim = await shimWith("running", lab);
    const { client, box } = shim;
    const { id } = box;
    await shim.containerd.waitFor("TaskStart");
    const before = shim.descriptors;
    const [first, second] = [shim.fifo("first"), shim.fifo("second")];
    const streams = { stdout: `${scheme}${first}`, stderr: err === "" ? "" : second, terminal };
    const spec = processOf(shim, "echo out; echo err >&2; touch /over");
    await client.call("Exec", { id, execId: "one", ...streams, spec });
    const started = client.call("Start", { id, execId: "one" });
    await until("the process to end", () => existsSync(join(box.rootfs, "over")));
    await new Promise((resolve) => setTimeout(resolve, LATE_MS));
    t.equal((await client.call("State", { id })).status, STATUS.running, "others are answered meanwhile");
    const [gotOut, gotErr] = await Promise.all([read(first), err === "" ? "" : read(second)]);
    t.equal(gotOut, out);
    t.equal(gotErr, err);
    t.ok(((await started).pid ?? 0) > 0);
    t.match(await client.call("Wait", { id, execId: "one" }), { exitStatus: 0 });
    await client.call("Delete", { id, execId: "one" });
    await until("the descriptors to be closed", () => shim.descriptors === before);
    await shim.stop();
  });
}

shimCase("if nobody reads within half a minute, the request says so, and nothing is left", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { client } = shim;
  const { id } = shim.box;
  await shim.containerd.waitFor("TaskStart");
  const before = shim.descriptors;
  const stdout = shim.fifo("nobody");
  await client.call("Exec", { id, execId: "one", stdout, spec: processOf(shim, "exec sleep 1000") });
  const other = lab.container();
  const refusals = await Promise.all([
    refusal(client.call("Start", { id, execId: "one" })),
    refusal(shim.create({ id: other.id, bundle: other.bundle, stdout })),
  ]);
  for (const answer of refusals) t.strictSame(answer, [TOO_LATE, answer[1]]);
  for (const [, text] of refusals) t.match(text, `nobody has opened "${stdout}" for reading`);
  t.equal((await other.state()).code, 1, "there is no second container");
  await client.call("Kill", { id, execId: "one", signal: 9 });
  t.match(await client.call("Wait", { id, execId: "one" }), { exitStatus: 137 });
  await client.call("Delete", { id, execId: "one" });
  await until("the descriptors to be closed", () => shim.descriptors === before);
  await shim.stop();
});
