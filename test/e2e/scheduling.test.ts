// How the container's process is scheduled on CPUs, disks and memory nodes, and its personality(2).

import { existsSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import {
  behaviour,
  nothingLeft,
  notOfCrunBefore,
  refused,
  runcFrom,
  tsrunOnly,
} from "../support/behaviour.ts";
import type { Config } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";

/** <linux/sched.h> */
const SCHED_BATCH = "3";

function program(...args: string[]): (config: Config) => void {
  return (config) => {
    config.process.args = args;
  };
}

/** Fields of /proc/PID/stat by their numbers in proc_pid_stat(5). */
function statFields(line: string): (number: number) => string | undefined {
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  return (number) => fields[number - 3];
}

behaviour(
  "the scheduler's policy and nice value are the configured ones",
  async (t, lab) => {
    const box = lab.container(program("/bin/cat", "/proc/self/stat"));
    box.config.process.scheduler = { policy: "SCHED_BATCH", nice: 7 };
    box.writeConfig();
    const field = statFields(await box.live());
    t.strictSame([field(41), field(19)], [SCHED_BATCH, "7"]);
  },
  tsrunOnly("it came with runc 1.2"),
);

behaviour(
  "exec has the container's scheduler, one that no child inherits and a privilege that it does not keep",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    const flags = ["SCHED_FLAG_RESET_ON_FORK"];
    box.config.process.scheduler = { policy: "SCHED_BATCH", nice: -5, flags };
    box.config.process.capabilities = {};
    box.writeConfig();
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const seen = mustSucceed(
      await lab.invoke(["exec", box.id, "cat", "/proc/self/stat", "/proc/self/status"]),
    );
    const [line = "", ...status] = seen.stdout.split("\n");
    const field = statFields(line);
    t.strictSame([field(41), field(19)], [SCHED_BATCH, "-5"]);
    t.match(status.join("\n"), /^CapPrm:\s*0+$/m);
  },
  tsrunOnly("it came with runc 1.2"),
);

behaviour(
  "a realtime policy is refused where its cgroup has no budget for it",
  async (t, lab) => {
    const box = lab.container(program("/bin/cat", "/proc/self/stat"));
    box.config.process.scheduler = { policy: "SCHED_FIFO", priority: 10 };
    box.writeConfig();
    refused(t, await box.create(), /SCHED_FIFO.*EPERM.*hint="a realtime policy wants.*realtimeRuntime/);
    await nothingLeft(t, lab, "after the refusal");
  },
  tsrunOnly("it came with runc 1.2"),
  existsSync("/sys/fs/cgroup/cpu/cpu.rt_runtime_us") ? undefined : "needs cpu.rt_runtime_us on cgroup v1",
);

behaviour(
  "the disk's priority is the configured one",
  async (t, lab) => {
    const box = lab.container(program("/bin/busybox", "ionice", "-p", "1"));
    box.config.process.ioPriority = { class: "IOPRIO_CLASS_BE", priority: 6 };
    box.writeConfig();
    t.equal(await box.live(), "best-effort: prio 6\n");
  },
  tsrunOnly("it came with runc 1.2"),
);

behaviour(
  "the personality of a 32-bit machine changes its name",
  async (t, lab) => {
    const box = lab.container(program("/bin/uname", "-m"));
    box.config.linux.personality = { domain: "LINUX32" };
    box.writeConfig();
    t.match(await box.live(), /^(i686|armv8l|arm)\n$/);
  },
  tsrunOnly("it came with runc 1.2"),
);

behaviour(
  "memory comes from the nodes of the policy",
  async (t, lab) => {
    const box = lab.container(program("/bin/cat", "/proc/self/numa_maps"));
    box.config.linux.memoryPolicy = { mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"] };
    box.writeConfig();
    const lines = (await box.live()).trimEnd().split("\n");
    t.ok(lines.some((line) => / bind=static:0 /.test(line)));
  },
  tsrunOnly("it came with runc 1.4"),
  existsSync("/proc/self/numa_maps") ? undefined : "this kernel has no NUMA policies",
);

behaviour(
  "a memory policy that is none is refused in runc's words",
  async (t, lab) => {
    const both = ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"];
    for (const [policy, line] of [
      [{}, /invalid memory policy mode ""/],
      [{ nodes: "0-7" }, /invalid memory policy mode ""/],
      [{ mode: "INTERLEAVE", nodes: "0" }, /invalid memory policy mode "INTERLEAVE"/],
      [{ mode: "MPOL_BIND", nodes: "0", flags: ["badflag"] }, /invalid memory policy flag "badflag"/],
      [{ mode: "MPOL_BIND", nodes: "0-9876543210" }, /invalid memory policy nodes "0-9876543210": .*65536/],
      [{ mode: "MPOL_BIND", nodes: "x" }, /invalid memory policy nodes "x"/],
      [{ mode: "MPOL_DEFAULT", nodes: "0-7", flags: both }, /set_mempolicy.*invalid argument/],
    ] as const) {
      const box = lab.container();
      Object.assign(box.config.linux, { memoryPolicy: policy });
      box.writeConfig();
      refused(t, await box.create(), line);
    }
    await nothingLeft(t, lab, "after the refusals");
  },
  runcFrom("1.4.0", "it has no memory policies"),
  notOfCrunBefore("1.28", "knows of no memory policies"),
);

behaviour(
  "exec runs on the CPUs of its affinity, the container's program on all of its cpuset",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    box.config.process.execCPUAffinity = { initial: "0", final: "1" };
    box.writeConfig();
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const { pid } = await box.stateDocument();
    const allowed = (status: string) => /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1];
    t.not(allowed(readFileSync(`/proc/${pid}/status`, "utf8")), "1");
    const inside = mustSucceed(await lab.invoke(["exec", box.id, "cat", "/proc/self/status"]));
    t.equal(allowed(inside.stdout), "1");
  },
  tsrunOnly("it came with runc 1.3"),
  cpus().length > 1 ? undefined : "one CPU leaves nothing to choose",
);

behaviour(
  "exec begins on CPUs that the container's cpuset lacks, and ends on those that it has",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    box.config.linux.resources = { ...box.config.linux.resources, cpu: { cpus: "0", mems: "0" } };
    box.config.process.execCPUAffinity = { initial: "1" };
    box.writeConfig();
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const inside = mustSucceed(await lab.invoke(["exec", box.id, "cat", "/proc/self/status"]));
    t.match(inside.stdout, /^Cpus_allowed_list:\s*0$/m);
  },
  runcFrom("1.3.0", "it has no affinity of exec"),
  cpus().length > 1 ? undefined : "one CPU leaves nothing to choose",
);
