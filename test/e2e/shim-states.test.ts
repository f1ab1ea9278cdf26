// Each request to a shim in each state of a container, requests in wrong orders and at once, and requests
// that cannot be carried out.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TaskMethod } from "../../src/shim/messages/task.ts";
import { STATUS } from "../../src/shim/messages/task.ts";
import { behaviour, needsKernel, tsrunOnly } from "../support/behaviour.ts";
import { Container } from "../support/container.ts";
import { hostMounts } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { optionsFor, refusal, Shim } from "../support/shim.ts";

const ONLY = tsrunOnly("containerd has a shim of its own for it");
const SLEEP = Container.script("exec sleep 1000");

function json(value: unknown): { typeUrl: string; value: Uint8Array } {
  return { typeUrl: "x", value: new TextEncoder().encode(JSON.stringify(value)) };
}

/** How a container comes into a state. */
const STATES: Readonly<Record<string, (shim: Shim) => Promise<void>>> = {
  absent: async () => {},
  created: async (shim) => void (await shim.create()),
  running: async (shim) => {
    await STATES.created?.(shim);
    await shim.client.call("Start", { id: shim.box.id });
  },
  paused: async (shim) => {
    await STATES.running?.(shim);
    await shim.client.call("Pause", { id: shim.box.id });
  },
  stopped: async (shim) => {
    await STATES.running?.(shim);
    await shim.client.call("Kill", { id: shim.box.id, signal: 9 });
    await shim.client.call("Wait", { id: shim.box.id });
  },
  deleted: async (shim) => {
    await STATES.stopped?.(shim);
    await shim.client.call("Delete", { id: shim.box.id });
  },
};

/** The code of each request, in the order of STATES: 0 is success, 2 a refusal in words, 5 not found. */
const ANSWERS: readonly (readonly [TaskMethod, object, readonly number[]])[] = [
  ["State", {}, [5, 0, 0, 0, 0, 5]],
  ["Pids", {}, [5, 0, 0, 0, 0, 5]],
  ["Stats", {}, [5, 0, 0, 0, 5, 5]],
  ["Connect", {}, [0, 0, 0, 0, 0, 0]],
  ["ResizePty", { width: 1, height: 1 }, [5, 0, 0, 0, 0, 5]],
  ["CloseIO", { stdin: true }, [5, 0, 0, 0, 0, 5]],
  ["Checkpoint", { path: "" }, [5, 2, 2, 2, 2, 5]],
  ["Update", { resources: json({}) }, [5, 0, 0, 0, 2, 5]],
  ["Exec", { execId: "x", spec: json({}) }, [5, 0, 0, 2, 2, 5]],
  ["Kill", { signal: 0 }, [5, 0, 0, 0, 5, 5]],
  ["Resume", {}, [5, 2, 2, 0, 2, 5]],
  ["Pause", {}, [5, 2, 0, 0, 2, 5]],
  ["Delete", {}, [5, 0, 2, 2, 0, 5]],
  ["Start", {}, [5, 5, 2, 2, 5, 5]],
];

for (const [index, state] of Object.keys(STATES).entries()) {
  behaviour(
    `each request is answered as containerd's shim answers it: ${state}`,
    async (t, lab) => {
      const shim = await Shim.start(lab, lab.container(SLEEP));
      const { client, box } = shim;
      await STATES[state]?.(shim);
      for (const [method, more, codes] of ANSWERS) {
        const [code, text] = await refusal(client.call(method, { id: box.id, ...more }));
        t.equal(code, codes[index], `${method}: ${text}`);
      }
      await shim.stop();
    },
    ONLY,
  );
}

async function runningShim(lab: Lab): Promise<Shim> {
  const shim = await Shim.start(lab, lab.container(SLEEP));
  await STATES.running?.(shim);
  return shim;
}

behaviour(
  "of two starts of one exec at once, one is refused, and one process runs",
  async (t, lab) => {
    const shim = await runningShim(lab);
    const { client } = shim;
    const { id } = shim.box;
    const spec = json({ ...shim.box.config.process, args: ["/bin/sh", "-c", "exec sleep 500"] });
    await client.call("Exec", { id, execId: "twice", spec });
    const start = (): Promise<readonly [number, string]> =>
      refusal(client.call("Start", { id, execId: "twice" }));
    const answers = (await Promise.all([start(), start()])).sort(([a], [b]) => a - b);
    t.strictSame(answers[0]?.[0], 0);
    t.strictSame(answers[1], [2, "cannot start a running process"]);
    t.equal((await client.call("Pids", { id })).processes?.length, 2);
    await shim.stop();
    t.equal(shim.containerd.names().filter((name) => name === "TaskExecStarted").length, 1);
  },
  ONLY,
);

behaviour(
  "of two deletes at once, one is refused, and one deletion is told of",
  async (t, lab) => {
    const shim = await runningShim(lab);
    const { client } = shim;
    const { id } = shim.box;
    await client.call("Kill", { id, signal: 9 });
    await client.call("Wait", { id });
    const codes = await Promise.all([1, 2].map(() => refusal(client.call("Delete", { id }))));
    t.equal(codes.filter(([code]) => code === 0).length, 1, JSON.stringify(codes));
    await shim.stop();
    t.equal(shim.containerd.names().filter((name) => name === "TaskDelete").length, 1);
  },
  ONLY,
);

behaviour(
  "an id can be used again after its container was deleted",
  async (t, lab) => {
    const shim = await Shim.start(lab, lab.container(SLEEP));
    for (let round = 0; round < 3; round++) {
      await STATES.deleted?.(shim);
    }
    await STATES.running?.(shim);
    t.equal((await shim.client.call("State", { id: shim.box.id })).status, STATUS.running);
    await shim.stop();
  },
  ONLY,
);

behaviour(
  "a shim that is asked to end while a container is being made goes on",
  async (t, lab) => {
    const shim = await Shim.start(lab, lab.container(SLEEP));
    const { client } = shim;
    const { id } = shim.box;
    const [created] = await Promise.all([refusal(shim.create()), client.call("Shutdown", { id })]);
    t.equal(created[0], 0, created[1]);
    t.equal((await client.call("State", { id })).status, STATUS.created);
    await shim.stop();
  },
  ONLY,
);

behaviour(
  "what cannot be made is refused with an error that names it, and nothing is left of it",
  async (t, lab) => {
    const shim = await Shim.start(lab, lab.container(SLEEP));
    const { box } = shim;
    const file = join(lab.folder, "file");
    writeFileSync(file, "");
    mkdirSync(join(lab.folder, "directory"));
    symlinkSync("/nowhere/at/all", join(lab.folder, "dangling"));
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
      [{ rootfs: [{ type: "ext4", source: file, options: ["loop"] }] }, 2, /loop/],
      [{ checkpoint: "" }, 0, /it succeeded/],
    ];
    for (const [request, code, text] of bad) {
      const answer = await refusal(shim.create(request));
      t.equal(answer[0], code, `${JSON.stringify(request)}: ${answer[1]}`);
      t.match(answer[1], text);
      const mounts = hostMounts().filter(({ target }) => target.startsWith(`${box.bundle}/`));
      t.strictSame(mounts, []);
    }
    await shim.stop();
  },
  ONLY,
);

behaviour(
  "an exec that cannot be is refused, and nothing is left of it",
  async (t, lab) => {
    const shim = await runningShim(lab);
    const { client } = shim;
    const { id } = shim.box;
    const text = (value: string) => ({ typeUrl: "x", value: new TextEncoder().encode(value) });
    for (const spec of [text(""), text("{"), text("null"), text("7")]) {
      const answer = await refusal(client.call("Exec", { id, execId: "x", spec }));
      t.strictSame(answer, [3, "the spec of the process is no JSON object"]);
    }
    for (const execId of ["", "../x", "a/b", "a b"]) {
      t.equal((await refusal(client.call("Exec", { id, execId, spec: json({}) })))[0], 3, execId);
    }
    await client.call("Exec", { id, execId: "x", spec: json({ args: 7 }) });
    t.match(await refusal(client.call("Start", { id, execId: "x" })), [
      2,
      /^OCI runtime exec failed: .*args/,
    ]);
    await client.call("Delete", { id, execId: "x" });
    t.notMatch(readFileSync(`/proc/${shim.pid}/status`, "utf8"), /^Threads:\t[^1]/m);
    await shim.stop();
  },
  ONLY,
);

behaviour(
  "the options may be in a file that the caller names",
  async (t, lab) => {
    const shim = await Shim.start(lab, lab.container(SLEEP));
    const path = join(lab.folder, "options.toml");
    writeFileSync(path, `# of ours\nRoot = "${lab.folder}"\n`);
    // runtimeoptions.v1.Options: the path is field 2.
    const bytes = new TextEncoder().encode(path);
    const value = Uint8Array.of(0x12, bytes.length, ...bytes);
    await shim.create({ options: { typeUrl: "runtimeoptions.v1.Options", value } });
    t.match(await shim.box.stateDocument(), { id: shim.box.id, status: "created" });
    await shim.stop();
  },
  ONLY,
);

behaviour(
  "a root file system with mapped ids shows its layers with the ids of the user namespace",
  async (t, lab) => {
    const map = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
    const box = lab.container((config) => {
      SLEEP(config);
      config.linux.namespaces.push({ type: "user" });
      config.linux.uidMappings = map;
      config.linux.gidMappings = map;
    });
    const shim = await Shim.start(lab, box);
    const layers = ["one", "two"].map((name) => join(lab.folder, "layers", name, "fs"));
    for (const layer of layers) mkdirSync(layer, { recursive: true });
    execFileSync("cp", ["-a", `${box.rootfs}/.`, layers[0] ?? ""]);
    writeFileSync(join(layers[1] ?? "", "of-two"), "");
    const maps = ["uidmap=0:100000:65536", "gidmap=0:100000:65536"];
    const options = [`lowerdir=${layers.join(":")}`, "index=off", ...maps];
    await shim.create({ rootfs: [{ type: "overlay", source: "overlay", options }] });
    await shim.client.call("Start", { id: box.id });
    const { uid, gid } = statSync(join(box.rootfs, "of-two"));
    t.strictSame([uid, gid], [100_000, 100_000]);
    await shim.stop();
    const mounts = hostMounts().filter(({ target }) => target.startsWith(`${box.bundle}/`));
    t.strictSame(mounts, []);
  },
  ONLY,
  needsKernel(5, 19, "an overlay on mounts with mapped ids"),
);
