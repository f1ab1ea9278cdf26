// The life of a container under tsrun as containerd's shim: requests, answers, events, and nothing left.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { decode } from "../../src/protobuf/protobuf.ts";
import { METRICS_V1, METRICS_V2 } from "../../src/shim/messages/metrics.ts";
import { RUNTIME_INFO } from "../../src/shim/messages/options.ts";
import { DELETE_RESPONSE, STATUS } from "../../src/shim/messages/task.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { hasEnded, signalProcess } from "../support/host.ts";
import { deleteAfter, refusal, Shim, shimPath, startShim } from "../support/shim.ts";
import { document, shimCase, shimWith, sleeping, sleepingInPod } from "../support/shim-cases.ts";
import { until } from "../support/wait.ts";

shimCase("a container lives: create, start, wait, delete, with its events in order", async (t, lab) => {
  const shim = await Shim.start(lab, lab.container(Container.script("exit 7")));
  const { client, containerd, box } = shim;
  const { id } = box;
  const { pid } = await shim.create();
  t.ok(existsSync(`/proc/${pid}`), "its process is there");
  t.equal((await client.call("State", { id })).status, STATUS.created);
  t.strictSame(await client.call("Start", { id }), { pid });
  const ended = await client.call("Wait", { id });
  t.equal(ended.exitStatus, 7);
  t.ok(Math.abs((ended.exitedAt?.seconds ?? 0) - Date.now() / 1000) < 60, "it has ended just now");
  const state = await client.call("State", { id });
  t.match(state, { id, bundle: box.bundle, pid, status: STATUS.stopped, exitStatus: 7 });
  t.match(await client.call("Delete", { id }), { pid, exitStatus: 7 });
  await containerd.waitFor("TaskDelete");
  t.strictSame(containerd.names(), ["TaskCreate", "TaskStart", "TaskExit", "TaskDelete"]);
  t.match(containerd.events[2]?.values, { containerId: id, id, pid, exitStatus: 7 });
  await shim.stop();
  t.notOk(existsSync(shim.address.replace("unix://", "")), "its socket is gone");
});

shimCase("the shim is a process of its own session, with a private socket and one thread", async (t, lab) => {
  const shim = await Shim.start(lab, lab.container(sleeping));
  // Its answer is that of a shim at work, not of one that begins.
  const connected = await shim.client.call("Connect", { id: shim.box.id });
  t.equal(connected.shimPid, shim.pid);
  const status = readFileSync(`/proc/${shim.pid}/status`, "utf8");
  t.match(status, /^Threads:\t1$/m);
  t.match(status, new RegExp(`^NSsid:\\t${shim.pid}$`, "m"));
  t.equal(statSync(shim.address.replace("unix://", "")).mode & 0o777, 0o600);
  t.equal(readFileSync(join(shim.box.bundle, "address"), "utf8"), shim.address);
  await shim.stop();
});

shimCase("containers of a pod share a shim, which ends after the last of them", async (t, lab) => {
  const [one, other] = [lab.container(sleepingInPod), lab.container(sleepingInPod)];
  const shim = await Shim.start(lab, one);
  const answer = JSON.parse(startShim(lab, shim.containerd, other)) as { address: string };
  t.equal(answer.address, shim.address, "start finds the shim of the pod");
  // After its own restart, containerd 1.6 finds the shim by this file.
  t.equal(readFileSync(join(other.bundle, "address"), "utf8"), shim.address);
  await shim.create();
  await shim.create({ id: other.id, bundle: other.bundle });
  await shim.client.call("Start", { id: one.id });
  await shim.client.call("Kill", { id: other.id, signal: 9 });
  await shim.client.call("Wait", { id: other.id });
  await shim.client.call("Delete", { id: other.id });
  await shim.client.call("Shutdown", { id: other.id });
  t.equal((await shim.client.call("State", { id: one.id })).status, STATUS.running, "the other goes on");
  await shim.stop();
});

shimCase("the command and the shim know the same containers", async (t, lab) => {
  const shim = await Shim.start(lab, lab.container(sleeping));
  const { pid } = await shim.create();
  await shim.client.call("Start", { id: shim.box.id });
  const state = await shim.box.stateDocument();
  t.match(state, { id: shim.box.id, pid, status: "running" });
  mustSucceed(await shim.box.kill("KILL"));
  t.equal((await shim.client.call("Wait", { id: shim.box.id })).exitStatus, 137, "the shim sees its end");
  await shim.stop();
});

shimCase("pause, resume, update, pids and stats", async (t, lab) => {
  const shim = await Shim.start(lab, lab.container(sleeping));
  const { client, containerd } = shim;
  const { id } = shim.box;
  const { pid } = await shim.create();
  await client.call("Start", { id });
  await client.call("Pause", { id });
  t.equal((await client.call("State", { id })).status, STATUS.paused);
  await client.call("Resume", { id });
  t.equal((await client.call("State", { id })).status, STATUS.running);
  await client.call("Update", { id, resources: document({ pids: { limit: 77 } }) });
  t.strictSame((await client.call("Pids", { id })).processes, [{ pid }]);
  const { stats } = await client.call("Stats", { id });
  t.match(stats?.typeUrl, /^io\.containerd\.cgroups\.v[12]\.Metrics$/);
  const value = stats?.value ?? new Uint8Array(0);
  if (stats?.typeUrl?.includes("v2") === true) {
    const { pids, memory } = decode(METRICS_V2, value);
    t.equal(pids?.limit, 77n);
    t.equal(memory?.usageLimit, 2n ** 64n - 1n, "no limit is the largest number");
  } else {
    const { pids, memory } = decode(METRICS_V1, value);
    t.equal(pids?.limit, 77n);
    t.ok((memory?.usage?.limit ?? 0n) > 2n ** 62n, "no limit is a large number");
  }
  await containerd.waitFor("TaskResumed");
  t.strictSame(containerd.names(), ["TaskCreate", "TaskStart", "TaskPaused", "TaskResumed"]);
  await shim.stop();
});

shimCase("what cannot be done is refused with containerd's codes and words", async (t, lab) => {
  const shim = await Shim.start(lab, lab.container(sleeping));
  const { client } = shim;
  const { id } = shim.box;
  t.strictSame(await refusal(client.call("State", { id })), [5, "container not created"]);
  await shim.create();
  t.equal((await refusal(shim.create()))[0], 6, "the id is taken");
  t.strictSame(await refusal(client.call("Pause", { id })), [2, "cannot pause task in created state"]);
  t.strictSame(await refusal(client.call("Resume", { id })), [2, "cannot resume task in created state"]);
  t.equal((await refusal(client.call("Start", { id, execId: "none" })))[0], 5);
  await client.call("Start", { id });
  t.strictSame(await refusal(client.call("Start", { id })), [2, "cannot start a running process"]);
  t.strictSame(await refusal(client.call("Delete", { id })), [2, "cannot delete a running process"]);
  await client.call("Kill", { id, signal: 9 });
  await client.call("Wait", { id });
  t.strictSame(await refusal(client.call("Kill", { id, signal: 9 })), [5, "process already finished"]);
  t.strictSame(await refusal(client.call("Start", { id })), [2, "cannot start a stopped process"]);
  await shim.stop();
});

shimCase(
  "a container that cannot be made is refused in the runtime's words, and the shim goes on",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.process.args = ["/no/such/program"];
    });
    const shim = await Shim.start(lab, box);
    const [code, text] = await refusal(shim.create());
    t.equal(code, 2);
    t.match(text, /^OCI runtime create failed: .*\/no\/such\/program.*no such file or directory/);
    Container.script("exit 3")(box.config);
    box.writeConfig();
    await shim.create();
    await shim.client.call("Start", { id: box.id });
    t.equal((await shim.client.call("Wait", { id: box.id })).exitStatus, 3);
    await shim.stop();
  },
);

shimCase("of two creates of one id at once, one is refused, and the other lives", async (t, lab) => {
  const shim = await Shim.start(lab, lab.container(sleeping));
  const answers = await Promise.all([refusal(shim.create()), refusal(shim.create())]);
  t.strictSame(answers.map(([code]) => code).sort(), [0, 6]);
  await shim.client.call("Start", { id: shim.box.id });
  t.equal((await shim.client.call("State", { id: shim.box.id })).status, STATUS.running);
  await shim.stop();
});

shimCase("a container that ends before it was started is told of after its creation", async (t, lab) => {
  const shim = await Shim.start(lab, lab.container(sleeping));
  const { id } = shim.box;
  await shim.create();
  await shim.client.call("Kill", { id, signal: 9 });
  t.match(await shim.client.call("Wait", { id }), { exitStatus: 137 });
  await shim.containerd.waitFor("TaskExit");
  t.strictSame(shim.containerd.names(), ["TaskCreate", "TaskExit"]);
  await shim.stop();
});

shimCase("Shutdown is answered before the shim ends", async (t, lab) => {
  const shim = await shimWith("deleted", lab);
  const { pid } = shim;
  t.strictSame(await shim.client.call("Shutdown", { id: shim.box.id }), {});
  await until("the shim to end", () => hasEnded(pid));
  shim.client.close();
  await shim.containerd.close();
});

shimCase("delete cleans up after a shim that was killed", async (t, lab) => {
  const shim = await Shim.start(lab, lab.container(sleeping));
  const { pid } = await shim.create();
  await shim.client.call("Start", { id: shim.box.id });
  signalProcess(shim.pid, "SIGKILL");
  await until("the shim to end", () => hasEnded(shim.pid));
  const answer = decode(DELETE_RESPONSE, deleteAfter(lab, shim.containerd, shim.box));
  t.match(answer, { pid, exitStatus: 137 });
  await until("its process to be gone", () => hasEnded(pid ?? 0));
  t.notOk(existsSync(shim.address.replace("unix://", "")), "its socket is gone");
  await shim.containerd.close();
});

shimCase("-v and -info tell what it is", async (t, lab) => {
  t.match(
    execFileSync(shimPath(lab), ["-v"], { encoding: "utf8" }),
    /^containerd-shim-tsrun-v2:\n {2}Version:/,
  );
  const answer = execFileSync(shimPath(lab), ["-info"], { input: "" });
  const info = decode(RUNTIME_INFO, new Uint8Array(answer));
  t.equal(info.name, "io.containerd.tsrun.v2");
  const features = JSON.parse(new TextDecoder().decode(info.features?.value)) as { ociVersionMax: string };
  t.match(features.ociVersionMax, /^1\./);
});
