// Containers of one pod, at the same time and one after the other.

import { equal, ok, strictEqual } from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { until } from "../../support/wait.ts";
import { processesWith } from "../host.ts";
import { OWN_PID, type Pod, SHARED_PID, USER_NAMESPACE } from "../pod.ts";
import { refused, type Scenarios } from "../scenario.ts";

export const pods: Scenarios = {
  async init_containers_then_main({ pod, folder }) {
    const data = folder();
    const mounts = [{ host_path: data, container_path: "/data" }];
    const its = await pod();
    for (const [index, line] of ["echo first >/data/log", "echo second >>/data/log"].entries()) {
      const init = await its.run(`init${index}`, ["sh", "-c", line], { mounts });
      equal((await its.exited(init)).exit_code, 0);
    }
    const main = await its.run("main", ["sleep", "100"], { mounts });
    equal(await its.shell(main, "cat /data/log"), "first\nsecond");
    return undefined;
  },

  async sidecar_outlives_main({ pod, folder }) {
    const mounts = [{ host_path: folder(), container_path: "/data" }];
    const its = await pod();
    const trap = 'trap "echo asked; exit 0" TERM; touch /data/ready; while :; do sleep 0.05; done';
    const sidecar = await its.run("sidecar", ["sh", "-c", trap], { mounts });
    const wait = "until [ -e /data/ready ]; do sleep 0.05; done; exit 4";
    const main = await its.run("main", ["sh", "-c", wait], { mounts });
    equal((await its.exited(main)).exit_code, 4);
    equal((await its.status(sidecar)).state, "CONTAINER_RUNNING");
    await its.stop(sidecar, 20);
    equal((await its.exited(sidecar)).exit_code, 0);
    equal(its.log("sidecar").join(), "asked");
    return undefined;
  },

  async crash_loop({ pod }) {
    const its = await pod();
    for (let attempt = 0; attempt < 6; attempt++) {
      const container = await its.run("main", ["sh", "-c", `exit ${attempt}`], { attempt });
      const { exit_code, reason } = await its.exited(container);
      equal(`${exit_code} ${reason}`, `${attempt} ${attempt === 0 ? "Completed" : "Error"}`);
      await its.remove(container);
    }
    return undefined;
  },

  async children_end_in_a_shared_pid_namespace({ pod }) {
    await childrenEnd(await pod({ security: { namespace_options: SHARED_PID } }), "sleep 76541");
    return undefined;
  },

  async children_end_in_the_hosts_pid_namespace({ pod }) {
    const namespace_options = { network: "POD", pid: "NODE", ipc: "POD" };
    await childrenEnd(await pod({ security: { namespace_options } }), "sleep 76542");
    return undefined;
  },

  async ephemeral_in_a_user_namespace({ pod }) {
    const its = await pod({ security: USER_NAMESPACE });
    const target_id = await its.run("main", ["sleep", "7654"]);
    const { userns_options } = USER_NAMESPACE.namespace_options;
    const namespace_options = { ...OWN_PID, pid: "TARGET", target_id, userns_options };
    const debug = await its.run("debug", ["sleep", "100"], { security: { namespace_options } });
    ok((await its.shell(debug, "ps -o args")).includes("sleep 7654"));
    // The purpose of a debug container: access to the other's files.
    equal(await its.shell(debug, "cat /proc/1/root/etc/passwd | head -c 4"), "root");
    return undefined;
  },

  async ephemeral_in_a_distroless_pod({ pod }) {
    const its = await pod();
    const image = "docker.io/library/pause:latest";
    const target_id = await its.run("main", ["/pause"], { image });
    const namespace_options = { ...OWN_PID, pid: "TARGET", target_id };
    const capabilities = { add_capabilities: ["SYS_PTRACE"] };
    const debug = await its.run("debug", ["sleep", "100"], { security: { namespace_options, capabilities } });
    ok((await its.shell(debug, "ls /proc/1/root/")).includes("pause"));
    await its.stop(target_id);
    equal((await its.exited(debug)).exit_code, 137);
    return undefined;
  },

  async deaf_containers_end_with_their_pod({ pod }) {
    const its = await pod();
    const deaf = 'trap "" TERM INT HUP; (setsid sleep 76543) & while :; do sleep 0.1; done';
    for (const name of ["a", "b", "c"]) await its.run(name, ["sh", "-c", deaf]);
    await its.down();
    await until("the processes to end", () => processesWith("sleep 76543").length === 0);
    return undefined;
  },

  async stopped_while_starting({ pod }) {
    for (let round = 0; round < 8; round++) {
      const its = await pod();
      const container = await its.create("main", ["sleep", "76544"]);
      await Promise.allSettled([its.start(container), its.stop(container)]);
      await its.down();
    }
    await until("the processes to end", () => processesWith("sleep 76544").length === 0);
    return undefined;
  },

  async events({ pod, client }) {
    const seen: string[] = [];
    const stream = client.stream("GetContainerEvents", {});
    stream.on("data", ({ container_id, container_event_type }) =>
      seen.push(`${container_id} ${container_event_type}`),
    );
    stream.on("error", () => {});
    const its = await pod();
    const container = await its.run("main", ["sh", "-c", "exit 3"]);
    await its.exited(container);
    await its.remove(container);
    const wanted = ["CREATED", "STARTED", "STOPPED", "DELETED"].map(
      (word) => `${container} CONTAINER_${word}_EVENT`,
    );
    await until("the events", () => wanted.every((event) => seen.includes(event)));
    strictEqual(seen.filter((event) => event.startsWith(container)).join(), wanted.join());
    stream.cancel();
    return undefined;
  },

  async names_of_the_pod({ pod }) {
    const dns_config = { servers: ["10.1.2.3"], searches: ["svc.local"], options: ["ndots:5"] };
    const its = await pod({ config: { hostname: "called-so", dns_config } });
    const main = await its.run("main", ["sleep", "100"]);
    equal(await its.shell(main, "hostname; cat /etc/hostname"), "called-so\ncalled-so");
    const resolv = await its.shell(main, "cat /etc/resolv.conf");
    equal(resolv, "search svc.local\nnameserver 10.1.2.3\noptions ndots:5");
    return undefined;
  },

  async command_is_not_found({ pod }) {
    const its = await pod();
    await refused(/no such file|not found/i, its.run("a", ["no-such-program"]));
    await refused(/permission denied|not executable/i, its.run("b", ["/etc/passwd"]));
    await refused(
      /exec format/i,
      its.run("c", ["/bin/badelf"]).then((id) => formatError(its, id)),
    );
    const main = await its.run("d", ["sh", "-c", "echo still; sleep 100"]);
    await until(
      "its output",
      () => existsSync(`/lab/logs/${its.name}/d.log`) && its.log("d").join() === "still",
    );
    equal((await its.status(main)).state, "CONTAINER_RUNNING");
    return undefined;
  },

  async working_directory_is_made({ pod, folder }) {
    const data = folder();
    mkdirSync(`${data}/there`);
    const its = await pod();
    const mounts = [{ host_path: data, container_path: "/data" }];
    const a = await its.run("a", ["sh", "-c", "pwd > where; sleep 100"], {
      mounts,
      workingDir: "/data/there/new",
    });
    equal(await until("its file", () => read(`${data}/there/new/where`)), "/data/there/new\n");
    equal((await its.exec(a, ["pwd"])).out, "/data/there/new");
    return undefined;
  },
};

/** When the first process ends, the processes that it has left in a shared namespace must end too. */
async function childrenEnd(its: Pod, child: string): Promise<void> {
  const main = await its.run("main", ["sh", "-c", `setsid ${child} & exit 3`]);
  equal((await its.exited(main)).exit_code, 3);
  await until("the child to end", () => processesWith(child).length === 0);
}

/** A runtime may notice it only when the program is executed: then the container has started. */
async function formatError(its: Pod, container: string): Promise<void> {
  const { exit_code } = await its.exited(container);
  throw new Error(exit_code === 0 ? "it has succeeded" : "exec format error");
}

function read(path: string): string | undefined {
  try {
    const text = readFileSync(path, "utf8");
    return text.endsWith("\n") ? text : undefined;
  } catch {
    return undefined;
  }
}
