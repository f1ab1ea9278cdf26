// Each request to a shim in each state of a container, requests in wrong orders and at once, and requests
// that cannot be carried out.

import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TaskMethod } from "../../src/shim/messages/task.ts";
import { STATUS } from "../../src/shim/messages/task.ts";
import { optionsFor, refusal, Shim } from "../support/shim.ts";
import {
  document,
  documentOf,
  mountsBelow,
  processOf,
  STATE_NAMES,
  STATES,
  shimCase,
  shimWith,
  sleeping,
} from "../support/shim-cases.ts";
import { until } from "../support/wait.ts";

/** The code of each request, in the order of STATE_NAMES: 0 is success, 2 a refusal in words, 5 not found. */
const ANSWERS: readonly (readonly [TaskMethod, object, readonly number[]])[] = [
  ["State", {}, [5, 0, 0, 0, 0, 5]],
  ["Pids", {}, [5, 0, 0, 0, 0, 5]],
  ["Stats", {}, [5, 0, 0, 0, 5, 5]],
  ["Connect", {}, [0, 0, 0, 0, 0, 0]],
  ["ResizePty", { width: 1, height: 1 }, [5, 0, 0, 0, 0, 5]],
  ["CloseIO", { stdin: true }, [5, 0, 0, 0, 0, 5]],
  ["Checkpoint", { path: "" }, [5, 2, 2, 2, 2, 5]],
  ["Update", { resources: document({}) }, [5, 0, 0, 0, 2, 5]],
  ["Exec", { execId: "x", spec: document({}) }, [5, 0, 0, 2, 2, 5]],
  ["Kill", { signal: 0 }, [5, 0, 0, 0, 5, 5]],
  ["Resume", {}, [5, 2, 2, 0, 2, 5]],
  ["Pause", {}, [5, 2, 0, 0, 2, 5]],
  ["Delete", {}, [5, 0, 2, 2, 0, 5]],
  ["Start", {}, [5, 5, 2, 2, 5, 5]],
];

for (const [index, state] of STATE_NAMES.entries()) {
  shimCase(`each request is answered as containerd's shim answers it: ${state}`, async (t, lab) => {
    const shim = await shimWith(state, lab);
    const { client, box } = shim;
    for (const [method, more, codes] of ANSWERS) {
      const [code, text] = await refusal(client.call(method, { id: box.id, ...more }));
      t.equal(code, codes[index], `${method}: ${text}`);
      // Refused by the shim itself, in containerd's words. Checkpoint is refused by its command.
      if (code === 2 && method !== "Checkpoint") t.match(text, /^cannot /);
    }
    await shim.stop();
  });
}

shimCase("of two starts of one exec at once, one is refused, and one process runs", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { client } = shim;
  const { id } = shim.box;
  const spec = processOf(shim, "exec sleep 500");
  await client.call("Exec", { id, execId: "twice", spec });
  const start = (): Promise<readonly [number, string]> =>
    refusal(client.call("Start", { id, execId: "twice" }));
  const answers = (await Promise.all([start(), start()])).sort(([a], [b]) => a - b);
  t.strictSame(answers[0]?.[0], 0);
  t.strictSame(answers[1], [2, "cannot start a running process"]);
  t.equal((await client.call("Pids", { id })).processes?.length, 2);
  await shim.stop();
  t.equal(shim.containerd.names().filter((name) => name === "TaskExecStarted").length, 1);
});

shimCase("of two deletes at once, one is refused, and one deletion is told of", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { client } = shim;
  const { id } = shim.box;
  await client.call("Kill", { id, signal: 9 });
  await client.call("Wait", { id });
  const codes = await Promise.all([1, 2].map(() => refusal(client.call("Delete", { id }))));
  t.equal(codes.filter(([code]) => code === 0).length, 1, JSON.stringify(codes));
  await shim.stop();
  t.equal(shim.containerd.names().filter((name) => name === "TaskDelete").length, 1);
});

shimCase("an id can be used again after its container was deleted", async (t, lab) => {
  const shim = await Shim.start(lab, lab.container(sleeping));
  for (let round = 0; round < 3; round++) {
    await STATES.deleted(shim);
  }
  await STATES.running(shim);
  t.equal((await shim.client.call("State", { id: shim.box.id })).status, STATUS.running);
  await shim.stop();
});

shimCase("a shim that is asked to end while a container is being made goes on", async (t, lab) => {
  const shim = await Shim.start(lab, lab.container(sleeping));
  const { client } = shim;
  const { id } = shim.box;
  const [created] = await Promise.all([refusal(shim.create()), client.call("Shutdown", { id })]);
  t.equal(created[0], 0, created[1]);
  t.equal((await client.call("State", { id })).status, STATUS.created);
  await shim.stop();
});

shimCase(
  "what cannot be made is refused with an error that names it, and nothing is left of it",
  async (t, lab) => {
    const shim = await Shim.start(lab, lab.container(sleeping));
    const { box } = shim;
    // With its answer the shim has taken the connection.
    await shim.client.call("Connect", { id: box.id });
    const { descriptors } = shim;
    const file = join(lab.folder, "file");
    writeFileSync(file, "");
    mkdirSync(join(lab.folder, "directory"));
    symlinkSync("/nowhere/at/all", join(lab.folder, "dangling"));
    const good = { type: "bind", source: box.rootfs, options: ["rbind"] };
    const bad: readonly (readonly [Parameters<Shim["create"]>[0], number, RegExp])[] = [
      [{ id: "../x" }, 3, /invalid container ID/],
      [{ id: "" }, 3, /container id cannot be empty/],
      [{ bundle: "" }, 3, /the bundle "" is no absolute path/],
      [{ bundle: "/nowhere/at/all" }, 2, /\/nowhere\/at\/all/],
      [{ bundle: file }, 2, /file/],
      [{ options: { typeUrl: "kata.v1.Options", value: Uint8Array.of(8, 1) } }, 3, /kata\.v1\.Options/],
      [{ options: { ...optionsFor(lab), value: Uint8Array.of(0xff) } }, 3, /cannot read a message/],
      [{ stdout: join(lab.folder, "no-fifo") }, 5, /no-fifo/],
      [{ stdout: join(lab.folder, "dangling") }, 5, /dangling/],
      [{ stdout: join(lab.folder, "directory") }, 2, /directory/],
      [{ stdin: file, stdout: "ftp://x" }, 3, /ftp/],
      [{ rootfs: [{ type: "nosuch", source: "gone" }] }, 2, /"gone".*nosuch/],
      [{ rootfs: [{ type: "bind", source: "/nowhere/at/all", options: ["rbind"] }] }, 2, /nowhere/],
      [{ rootfs: [good, { type: "nosuch", source: "gone" }] }, 2, /"gone".*nosuch/],
      [{ rootfs: [good], stdout: join(lab.folder, "no-fifo") }, 5, /no-fifo/],
      [{ rootfs: [{ type: "ext4", source: file, options: ["loop"] }] }, 2, /loop/],
      [{ checkpoint: "" }, 0, /it succeeded/],
    ];
    for (const [request, code, text] of bad) {
      const answer = await refusal(shim.create(request));
      t.equal(answer[0], code, `${JSON.stringify(request)}: ${answer[1]}`);
      t.match(answer[1], text);
      t.strictSame(mountsBelow(box.bundle), []);
      if (code !== 0) await until("nothing to be left open", () => shim.descriptors === descriptors);
    }
    await shim.containerd.waitFor("TaskCreate");
    t.strictSame(shim.containerd.names(), ["TaskCreate"], "nothing is told of what could not be made");
    await shim.stop();
  },
);

shimCase("an exec that cannot be is refused, and nothing is left of it", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { client } = shim;
  const { id } = shim.box;
  await shim.containerd.waitFor("TaskStart");
  const { descriptors } = shim;
  for (const spec of ["", "{", "null", "7"].map(documentOf)) {
    const answer = await refusal(client.call("Exec", { id, execId: "x", spec }));
    t.strictSame(answer, [3, "the spec of the process is no JSON object"]);
  }
  for (const execId of ["", "../x", "a/b", "a b"]) {
    t.equal((await refusal(client.call("Exec", { id, execId, spec: document({}) })))[0], 3, execId);
  }
  const stdout = shim.fifo("out");
  await client.call("Exec", { id, execId: "x", stdout, spec: document({ args: 7 }) });
  t.match(await refusal(client.call("Start", { id, execId: "x" })), [2, /^OCI runtime exec failed: .*args/]);
  await until("nothing to be left open", () => shim.descriptors === descriptors);
  await client.call("Delete", { id, execId: "x" });
  await shim.stop();
});

shimCase("the options may be in a file that the caller names", async (t, lab) => {
  const shim = await Shim.start(lab, lab.container(sleeping));
  const path = join(lab.folder, "options.toml");
  writeFileSync(path, `# of ours\nRoot = "${lab.folder}"\n`);
  // runtimeoptions.v1.Options: the path is field 2.
  const bytes = new TextEncoder().encode(path);
  const value = Uint8Array.of(0x12, bytes.length, ...bytes);
  await shim.create({ options: { typeUrl: "runtimeoptions.v1.Options", value } });
  t.match(await shim.box.stateDocument(), { id: shim.box.id, status: "created" });
  await shim.stop();
});
