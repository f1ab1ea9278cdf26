// containerd, or a pod's shim, ends in each phase of a container's life.

import { deepEqual, equal, ok } from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { hasEnded, signalProcess } from "../../support/host.ts";
import { until } from "../../support/wait.ts";
import { restartContainerd } from "../containerd.ts";
import { processesWith } from "../host.ts";
import { type Pod, USER_NAMESPACE } from "../pod.ts";
import { type Cluster, type Scenarios, Skipped } from "../scenario.ts";

export const restarts: Scenarios = {
  async containerd_ends_before_the_first_container({ pod, client }) {
    const its = await pod();
    await restartContainerd(client);
    equal(await podState(client, its), "SANDBOX_READY");
    const main = await its.run("main", ["sleep", "100"]);
    equal((await its.exec(main, ["echo", "hi"])).out, "hi");
    return undefined;
  },

  async containerd_ends_before_the_start({ pod, client }) {
    const its = await pod();
    const main = await its.create("main", ["sleep", "100"]);
    await restartContainerd(client);
    equal((await its.status(main)).state, "CONTAINER_CREATED");
    await its.start(main);
    equal((await its.exec(main, ["echo", "hi"])).out, "hi");
    return undefined;
  },

  async containerd_ends_during_the_start({ pod, client }) {
    const its = await pod();
    const main = await its.create("main", ["sleep", "76561"]);
    const start = its.start(main).catch(() => {});
    await until("the process", () => processesWith("sleep 76561").length > 0);
    await restartContainerd(client);
    await start;
    await its.down();
    await until("the process to end", () => processesWith("sleep 76561").length === 0);
    return undefined;
  },

  async containerd_ends_during_a_probe({ pod, client }) {
    const its = await pod();
    const main = await its.run("main", ["sleep", "100"]);
    const probe = its.exec(main, ["sleep", "76562"], 30).catch(() => {});
    await until("the probe", () => processesWith("sleep 76562").length > 0);
    await restartContainerd(client);
    await probe;
    equal((await its.exec(main, ["echo", "hi"])).out, "hi");
    await its.stop(main);
    await until("the probe to end", () => processesWith("sleep 76562").length === 0);
    return undefined;
  },

  async containerd_ends_during_a_stop({ pod, client }) {
    const its = await pod();
    const main = await its.run("main", [
      "sh",
      "-c",
      'trap "echo asked" TERM; echo on; while :; do sleep 0.1; done',
    ]);
    await until("it to listen", () => its.log("main").includes("on"));
    const stop = its.stop(main, 50).catch(() => {});
    await until("it to be asked", () => its.log("main").includes("asked"));
    await restartContainerd(client);
    await stop;
    equal((await its.status(main)).state, "CONTAINER_RUNNING");
    await its.stop(main);
    equal((await its.exited(main)).exit_code, 137);
    return undefined;
  },

  async container_ends_in_containerds_absence({ pod, client, folder }) {
    const data = folder();
    const its = await pod();
    const wait = "until [ -e /data/go ]; do sleep 0.05; done; exit 9";
    const mounts = [{ host_path: data, container_path: "/data" }];
    const main = await its.run("main", ["sh", "-c", wait], { mounts });
    const pid = await its.pid(main);
    await restartContainerd(client, "SIGKILL", async () => {
      writeFileSync(`${data}/go`, "");
      await until("the container to end", () => hasEnded(pid));
    });
    // If all containers of a shim have ended, this containerd removes the shim before it asks for their
    // statuses.
    const { exit_code } = await its.exited(main);
    ok(exit_code === 9 || exit_code === 255, `it has exited with ${exit_code}`);
    return `exit code ${exit_code}`;
  },

  async containerd_restarts_under_many_pods({ pod, client }) {
    const all = await Promise.all(Array.from({ length: 6 }, () => pod()));
    const mains = await Promise.all(all.map((its) => its.run("main", ["sleep", "100"])));
    await restartContainerd(client, "SIGTERM");
    const outputs = await Promise.all(
      all.map((its, index) => its.exec(mains[index] ?? "", ["echo", `${index}`])),
    );
    deepEqual(
      outputs.map(({ out }) => out),
      ["0", "1", "2", "3", "4", "5"],
    );
    return undefined;
  },

  async containerd_restarts_under_a_user_namespace({ pod, client }) {
    const its = await pod({ security: USER_NAMESPACE });
    const first = await its.run("first", ["sleep", "100"]);
    await restartContainerd(client);
    const second = await its.run("second", ["sleep", "100"]);
    const map = "cat /proc/self/uid_map; readlink /proc/self/ns/user";
    equal(await its.shell(first, map), await its.shell(second, map));
    return undefined;
  },

  async shim_ends_before_the_first_container({ pod, client }) {
    const its = await pod();
    signalProcess(shim(its), "SIGKILL");
    await gone(client, its);
    return undefined;
  },

  async shim_ends_after_the_container({ pod, client }) {
    const its = await pod();
    const main = await its.run("main", ["sh", "-c", "exit 5"]);
    equal((await its.exited(main)).exit_code, 5);
    signalProcess(shim(its), "SIGKILL");
    await until("the pod to be told of", async () => (await podState(client, its)) === "SANDBOX_NOTREADY");
    equal((await its.status(main)).exit_code, 5);
    await its.remove(main);
    await gone(client, its);
    return undefined;
  },

  async shim_ends_before_the_start({ pod, client }) {
    const its = await pod();
    const main = await its.create("main", ["sleep", "76563"]);
    signalProcess(shim(its), "SIGKILL");
    await until("the pod to be told of", async () => (await podState(client, its)) === "SANDBOX_NOTREADY");
    await its.start(main).catch(() => {});
    await gone(client, its);
    await until("nothing of it to run", () => processesWith("sleep 76563").length === 0);
    return undefined;
  },

  async shim_ends_under_a_container({ pod, client }) {
    // containerd cleans up after the sandbox alone: with its own shim the container goes on for ever.
    if (process.env.LAB_SHIM === undefined) throw new Skipped("only a shim of its own can end the container");
    const its = await pod();
    const main = await its.run("main", ["sleep", "76564"]);
    signalProcess(shim(its), "SIGKILL");
    await its.exited(main);
    await until("nothing of it to run", () => processesWith("sleep 76564").length === 0);
    await gone(client, its);
    return undefined;
  },

  async shim_ends_in_containerds_absence({ pod, client }) {
    const its = await pod();
    await restartContainerd(client, "SIGKILL", () => {
      signalProcess(shim(its), "SIGKILL");
    });
    await gone(client, its);
    return undefined;
  },
};

/** containerd reports the pod as not ready before it has cleaned up, so a kubelet asks again. */
async function gone(client: Cluster["client"], its: Pod): Promise<void> {
  await until("the pod to be told of", async () => (await podState(client, its)) === "SANDBOX_NOTREADY");
  await until(
    "the pod to go",
    () =>
      its.down().then(
        () => true,
        () => false,
      ),
    30_000,
  );
}

function shim(its: Pod): number {
  const [pid] = processesWith(`-id ${its.id}`);
  if (pid === undefined) throw new Error("the pod has no shim");
  return pid;
}

async function podState(client: Cluster["client"], its: Pod): Promise<string> {
  const { status } = await client.call<{ status: { state: string } }>("PodSandboxStatus", {
    pod_sandbox_id: its.id,
  });
  return status.state;
}
