// Exec probes, and other processes that a kubelet runs in a container: under limits, with much output, with
// time limits.

import { deepEqual, equal, match, ok } from "node:assert/strict";
import { until } from "../../support/wait.ts";
import { cgroupFile, processesWith } from "../host.ts";
import { refused, type Scenarios } from "../scenario.ts";

const PROBES = 10;
const MIB = 1 << 20;
/** The lines of /proc/PID/status that describe a process's confinement. */
const CONFINEMENT = "^(Uid|Gid|Groups|Cap.*|NoNewPrivs|Seccomp):";

export const probes: Scenarios = {
  async probes_under_a_cpu_limit({ pod }) {
    const its = await pod();
    const resources = { cpu_period: 100_000, cpu_quota: 10_000 };
    const main = await its.run("main", ["sh", "-c", "while :; do :; done"], { resources });
    const times: number[] = [];
    for (let round = 0; round < PROBES; round++) {
      const start = Date.now();
      equal((await its.exec(main, ["true"])).code, 0);
      times.push(Date.now() - start);
    }
    return `median ${times.sort((a, b) => a - b)[PROBES >> 1]} ms`;
  },

  async probes_near_the_memory_limit({ pod }) {
    const its = await pod();
    const limit = 24 * MIB;
    const resources = { memory_limit_in_bytes: limit, memory_swap_limit_in_bytes: limit };
    const main = await its.run("main", ["eat", "16"], { resources });
    const pid = await its.pid(main);
    await until(
      "the memory to be taken",
      () => Number(cgroupFile(pid, "memory", "memory.usage_in_bytes")) > 16 * MIB,
    );
    for (let round = 0; round < PROBES; round++) equal((await its.exec(main, ["true"])).code, 0);
    equal((await its.status(main)).state, "CONTAINER_RUNNING");
    return undefined;
  },

  async probe_out_of_memory({ pod }) {
    const its = await pod();
    const limit = 24 * MIB;
    const resources = { memory_limit_in_bytes: limit, memory_swap_limit_in_bytes: limit };
    const main = await its.run("main", ["sleep", "100"], { resources });
    equal((await its.exec(main, ["eat", "100"])).code, 137);
    equal((await its.status(main)).state, "CONTAINER_RUNNING");
    equal((await its.exec(main, ["true"])).code, 0);
    return undefined;
  },

  async probe_is_confined_as_its_container({ pod }) {
    const its = await pod();
    const security = {
      run_as_user: { value: 1000 },
      run_as_group: { value: 2000 },
      supplemental_groups: [3000],
      no_new_privs: true,
      capabilities: { add_capabilities: ["NET_ADMIN"], drop_capabilities: ["CHOWN", "NET_RAW"] },
      seccomp: { profile_type: "RuntimeDefault" },
      masked_paths: ["/proc/keys"],
      readonly_rootfs: true,
    };
    const envs = [{ key: "ONE", value: "two words" }];
    const main = await its.run("main", ["sleep", "100"], {
      security,
      envs,
    });
    const [first, probe] = (
      await its.shell(main, `for p in 1 self; do grep -E '${CONFINEMENT}' /proc/$p/status; echo --; done`)
    )
      .split("--")
      .map((text) => text.trim());
    equal(probe, first);
    match(first ?? "", /Seccomp:\t2/);
    equal(await its.shell(main, "echo $ONE; wc -c < /proc/keys"), "two words\n0");
    return undefined;
  },

  async probe_is_killed_for_memory_as_its_container({ pod }) {
    const its = await pod();
    const main = await its.run("main", ["sleep", "100"], { resources: { oom_score_adj: 700 } });
    equal(await its.shell(main, "cat /proc/1/oom_score_adj /proc/self/oom_score_adj"), "700\n700");
    return undefined;
  },

  async probe_with_much_output({ pod }) {
    const its = await pod();
    const main = await its.run("main", ["sleep", "100"]);
    const line = "head -c 3000000 /dev/zero | tr '\\0' x; head -c 2000000 /dev/zero | tr '\\0' y >&2; exit 9";
    const { out, err, code } = await its.exec(main, ["sh", "-c", line]);
    deepEqual([out.length, err.length, code], [3_000_000, 2_000_000, 9]);
    return undefined;
  },

  async probe_with_many_arguments({ pod }) {
    const its = await pod();
    const main = await its.run("main", ["sleep", "100"]);
    const args = Array.from({ length: 5_000 }, (_, index) => `argument ${index}`);
    const { out } = await its.exec(main, ["sh", "-c", 'echo $#; echo "$0"; shift 4998; echo "$1"', ...args]);
    equal(out, "4999\nargument 0\nargument 4999");
    return undefined;
  },

  async probe_out_of_time_takes_its_children_along({ pod }) {
    const its = await pod();
    const main = await its.run("main", ["sleep", "100"]);
    await refused(/timeout|deadline/i, its.exec(main, ["sleep", "76551"], 1));
    await until("it to end", () => processesWith("sleep 76551").length === 0);
    equal((await its.exec(main, ["true"])).code, 0);
    return undefined;
  },

  async probe_leaves_a_process_behind({ pod }) {
    const its = await pod();
    const main = await its.run("main", ["sleep", "100"]);
    const { out, code } = await its.exec(main, ["sh", "-c", "sleep 76552 >/dev/null 2>&1 & echo done"]);
    deepEqual([out, code], ["done", 0]);
    ok(processesWith("sleep 76552").length > 0);
    await its.stop(main);
    await until("it to end", () => processesWith("sleep 76552").length === 0);
    return undefined;
  },

  async probe_of_an_exited_container({ pod }) {
    const its = await pod();
    const main = await its.run("main", ["true"]);
    await its.exited(main);
    await refused(/CONTAINER_EXITED|not running|not found/i, its.exec(main, ["true"]));
    return undefined;
  },

  async probes_while_the_container_exits({ pod }) {
    const its = await pod();
    for (let round = 0; round < 5; round++) {
      const main = await its.run(`main${round}`, ["sh", "-c", "sleep 100"]);
      const execs = Array.from({ length: 6 }, () => its.exec(main, ["sleep", "0.05"]));
      await Promise.allSettled([...execs, its.stop(main)]);
      equal((await its.exited(main)).exit_code, 137);
    }
    return undefined;
  },

  async probes_by_signal_and_code({ pod }) {
    const its = await pod();
    const main = await its.run("main", ["sleep", "100"]);
    const codes: number[] = [];
    for (const line of ["exit 0", "exit 255", "kill -9 $$", "kill -15 $$", "kill -6 $$"]) {
      codes.push((await its.exec(main, ["sh", "-c", line])).code);
    }
    deepEqual(codes, [0, 255, 137, 143, 134]);
    return undefined;
  },
};
