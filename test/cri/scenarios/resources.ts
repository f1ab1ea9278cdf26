// Limits at the start and changed while a container runs, as by the resizing of pods.

import { equal, match, ok } from "node:assert/strict";
import { until } from "../../support/wait.ts";
import { cgroupFile } from "../host.ts";
import type { Message, Pod } from "../pod.ts";
import { type Cluster, type Scenarios, Skipped } from "../scenario.ts";

const MIB = 1 << 20;
const MANY_VARIABLES = 1_500;

/** Nanoseconds, of which a busy container gets its share on a busy machine sooner or later. */
const BUSY = 200_000_000;

interface Stats {
  readonly cpu: { readonly usage_core_nano_seconds: { readonly value: number } };
  readonly memory: { readonly working_set_bytes: { readonly value: number } };
}

interface PodStats {
  readonly linux: { readonly process: { readonly process_count: { readonly value: number } } };
}

export const resources: Scenarios = {
  async stats({ pod, client }) {
    const its = await pod();
    const main = await its.run("main", ["sh", "-c", "while :; do :; done"], { resources: memory(64, 64) });
    const { memory: used } = await until(
      "the container's use of the processor",
      async () => {
        const { stats } = await client.call<{ stats: Stats }>("ContainerStats", { container_id: main });
        return stats.cpu.usage_core_nano_seconds.value > BUSY && stats;
      },
      60_000,
    );
    ok(used.working_set_bytes.value > 0, "memory of the container");
    const { stats } = await client.call<{ stats: PodStats }>("PodSandboxStats", { pod_sandbox_id: its.id });
    ok(stats.linux.process.process_count.value > 0, "processes of the pod");
    const all = await client.call<{ stats: readonly Stats[] }>("ListContainerStats", {});
    ok(all.stats.length > 0, "a list of containers");
    return undefined;
  },

  async swap_limits({ pod, client }) {
    const its = await pod();
    const main = await its.run("main", ["sleep", "100"], { resources: memory(64, 96) });
    const pid = await its.pid(main);
    equal(limits(pid), "64 96");
    // Up and down: the kernel accepts the two in different orders.
    for (const [limit, swap] of [
      [256, 512],
      [32, 32],
      [128, 160],
    ] as const) {
      await update({ client }, main, memory(limit, swap));
      equal(limits(pid), `${limit} ${swap}`);
    }
    return undefined;
  },

  async resized_in_one_call({ pod, client }) {
    const its = await pod();
    const small = { cpu_period: 100_000, cpu_quota: 20_000, cpu_shares: 204, ...memory(32, 32) };
    const main = await its.run("main", ["sleep", "100"], { resources: { ...small, oom_score_adj: 900 } });
    const pid = await its.pid(main);
    const large = { cpu_period: 50_000, cpu_quota: 75_000, cpu_shares: 1536, ...memory(200, 300) };
    await update({ client }, main, { ...large, cpuset_cpus: "0", cpuset_mems: "0" });
    equal(limits(pid), "200 300");
    const files = ["cpu.cfs_period_us", "cpu.cfs_quota_us", "cpu.shares"];
    equal(files.map((file) => cgroupFile(pid, "cpu", file)).join(" "), "50000 75000 1536");
    equal(await its.shell(main, "cat /proc/1/oom_score_adj"), "900");
    await update({ client }, main, { cpu_quota: -1, cpu_period: 100_000 });
    equal(cgroupFile(pid, "cpu", "cpu.cfs_quota_us"), "-1");
    return undefined;
  },

  async resized_before_its_start({ pod, client }) {
    const its = await pod();
    const main = await its.create("main", ["sleep", "100"], { resources: memory(64, 64) });
    await update({ client }, main, memory(128, 128));
    await its.start(main);
    equal(limits(await its.pid(main)), "128 128");
    return undefined;
  },

  async resized_beside_probes({ pod, client }) {
    const its = await pod();
    const main = await its.run("main", ["sleep", "100"], { resources: memory(64, 64) });
    const updates = Array.from({ length: 8 }, (_, index) =>
      update({ client }, main, { cpu_shares: 100 + index, ...memory(64 + index, 64 + index) }),
    );
    const execs = Array.from({ length: 8 }, () => its.exec(main, ["true"]));
    await Promise.all(updates);
    for (const { code } of await Promise.all(execs)) equal(code, 0);
    match(limits(await its.pid(main)), /^(6[4-9]|7[01]) \1$/);
    return undefined;
  },

  async limits_survive_a_restart_of_the_container({ pod, client }) {
    const its = await pod();
    const first = await its.run("main", ["sleep", "100"], { resources: memory(64, 64) });
    await update({ client }, first, memory(96, 96));
    await its.stop(first);
    await its.remove(first);
    const second = await its.run("main", ["sleep", "100"], { resources: memory(64, 64), attempt: 1 });
    equal(limits(await its.pid(second)), "64 64");
    return undefined;
  },

  async limits_of_the_pod_are_updated({ pod, client }) {
    const its = await pod();
    const request = { pod_sandbox_id: its.id, overhead: memory(16, 16), resources: memory(128, 128) };
    await client.call("UpdatePodSandboxResources", request).catch((error: Error) => {
      if (/UNIMPLEMENTED/.test(error.message)) throw new Skipped("this containerd does not do it");
      throw error;
    });
    await its.run("main", ["sleep", "100"]);
    return undefined;
  },

  async very_many_variables({ pod }) {
    const its = await pod();
    const envs = Array.from({ length: MANY_VARIABLES }, (_, index) => ({
      key: `SERVICE_${index}_PORT`,
      value: "x".repeat(600),
    }));
    const main = await its.run("main", ["sleep", "100"], { envs });
    // With so many variables a shell can run only its built-in commands.
    equal(await its.shell(main, 'echo "$SERVICE_0_PORT$SERVICE_1499_PORT"'), "x".repeat(1200));
    const { out } = await its.exec(main, ["env"]);
    equal(out.match(/^SERVICE_\d+_PORT=x{600}$/gm)?.length, MANY_VARIABLES);
    return undefined;
  },

  async cpus_of_the_container({ pod }) {
    const its = await pod();
    const main = await its.run("main", ["sleep", "100"], { resources: { cpuset_cpus: "0" } });
    equal(await allowed(its, main), "0");
    return undefined;
  },
};

function memory(limit: number, swap: number): Message {
  return { memory_limit_in_bytes: limit * MIB, memory_swap_limit_in_bytes: swap * MIB };
}

/** The limits of memory, and of memory and swap together, in MiB. */
function limits(pid: number): string {
  return ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]
    .map((file) => Number(cgroupFile(pid, "memory", file)) / MIB)
    .join(" ");
}

async function update({ client }: Pick<Cluster, "client">, container: string, linux: Message): Promise<void> {
  await client.call("UpdateContainerResources", { container_id: container, linux });
}

async function allowed(its: Pod, container: string): Promise<string | undefined> {
  const line = await its.shell(container, "grep Cpus_allowed_list: /proc/self/status");
  return line.split(/\s+/)[1];
}
