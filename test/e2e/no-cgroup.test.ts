// `--cgroup-manager disabled`, which Podman passes for `--cgroups=disabled`: no cgroup is made or joined, and
// every later command knows that.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  behaviour,
  type Condition,
  nothingLeft,
  notOfRunc,
  refused,
  tsrunOnly,
} from "../support/behaviour.ts";
import { cgroupFolders, cgroupsOf } from "../support/cgroup.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { nameOf } from "../support/proc.ts";
import { isTsrun } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

const DISABLED = { globals: ["--cgroup-manager", "disabled"] };
const LACKS = "has no such flag";

async function running(lab: Lab, script = "sleep 1000"): Promise<Container> {
  const box = lab.container(Container.script(script));
  mustSucceed(await box.create(DISABLED));
  mustSucceed(await box.start());
  return box;
}

/** Calls without the flag: the runtime must know it from the saved state. */
const call = (lab: Lab, ...args: string[]) => lab.invokeBare(["--root", lab.stateRoot, ...args]);

behaviour(
  "with the cgroup manager disabled no cgroup is made, and none is joined",
  async (t, lab) => {
    const box = await running(lab);
    t.strictSame(cgroupFolders(box.id), []);
    const { pid } = await box.stateDocument();
    const own = cgroupsOf(process.pid);
    t.strictSame([...cgroupsOf(pid)], [...own], "it stays in that of the caller");
    const exec = await call(lab, "exec", box.id, "cat", "/proc/self/cgroup");
    t.equal(exec.code, 0, exec.stderr);
    t.strictSame(exec.stdout, readFileSync("/proc/self/cgroup", "utf8"), "and so does a process of exec");
    mustSucceed(await call(lab, "kill", box.id, "KILL"));
    await box.waitForStatus("stopped");
    mustSucceed(await call(lab, "delete", box.id));
    await nothingLeft(t, lab, "after delete");
  },
  notOfRunc(LACKS),
);

behaviour(
  "kill --all and delete --force do with a container without a cgroup",
  async (t, lab) => {
    const first = await running(lab, "sleep 1000 & sleep 1000");
    // crun reports success, but kills nobody: without a cgroup it does not search.
    mustSucceed(await call(lab, "kill", ...(isTsrun ? ["--all"] : []), first.id, "KILL"));
    await first.waitForStatus("stopped");
    mustSucceed(await call(lab, "delete", first.id));
    const second = await running(lab, "sleep 1000 & sleep 1000");
    mustSucceed(await call(lab, "delete", "--force", second.id));
    await nothingLeft(t, lab, "after delete --force");
  },
  notOfRunc(LACKS),
);

behaviour(
  "where the state is damaged, a container without a cgroup is not deleted from over its processes",
  async (t, lab) => {
    const box = await running(lab);
    const file = join(lab.stateRoot, box.id, "state.json");
    const saved = readFileSync(file, "utf8");
    writeFileSync(file, "{");
    const line = /it is not certain which processes are the container's/;
    refused(t, await call(lab, "delete", "--force", box.id), line);
    writeFileSync(file, saved);
    t.equal((await box.stateDocument()).status, "running");
  },
  tsrunOnly("keeps its state otherwise"),
);

behaviour(
  "what takes a cgroup is refused with one line for a container without one",
  async (t, lab) => {
    const box = await running(lab);
    const without = /the container was made without a cgroup/;
    refused(t, await call(lab, "pause", box.id), without);
    t.equal((await box.stateDocument()).status, "running");
    refused(t, await call(lab, "resume", box.id), isTsrun ? /container not paused/ : without);
    refused(t, await call(lab, "update", "--pids-limit", "100", box.id), without);
    if (!isTsrun) return;
    refused(t, await call(lab, "events", "--stats", box.id), without);
    const exec = await call(lab, "exec", "--cgroup", "below", box.id, "true");
    refused(t, exec, /cannot use --cgroup below: the container has no cgroup/, 255);
  },
  notOfRunc(LACKS),
);

behaviour(
  "ps knows the processes of a container without a cgroup by its pid namespace",
  async (t, lab) => {
    // One process in a nested namespace, and one that the first process has inherited.
    const box = lab.container(
      Container.script("sleep 1000 & unshare -p -f sleep 1000 & (sleep 1000 &) ; sleep 1000; :"),
    );
    const names = ["CAP_SYS_ADMIN"];
    box.config.process.capabilities = { bounding: names, effective: names, permitted: names };
    box.writeConfig();
    mustSucceed(await box.create(DISABLED));
    mustSucceed(await box.start());
    const pids = async (): Promise<number[]> =>
      JSON.parse((await call(lab, "ps", "-f", "json", box.id)).stdout);
    // Meanwhile there are also shells that have not executed a program yet, and one that ends.
    const listed = await until("six processes", async () => {
      const found = await pids();
      return found.map(nameOf).sort().join(" ") === "sh sleep sleep sleep sleep unshare" && found;
    });
    const { pid } = await box.stateDocument();
    t.ok(listed.includes(pid));
    t.match((await call(lab, "ps", box.id)).stdout, new RegExp(` ${pid} `));
    mustSucceed(await box.kill("KILL"));
    await box.waitForStatus("stopped");
    t.equal((await call(lab, "ps", "-f", "json", box.id)).stdout.trim(), "null");
  },
  tsrunOnly("refuses it"),
);

behaviour(
  "ps is refused where a container has neither a cgroup nor a pid namespace of its own",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.process.args = ["/bin/sleep", "1000"];
      config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "pid");
    });
    t.match(mustSucceed(await box.create(DISABLED)).stderr, /cannot be killed whole/);
    refused(
      t,
      await call(lab, "ps", box.id),
      /cannot list the processes of ".*": the container has no cgroup/,
    );
  },
  tsrunOnly("leaves the process of such a container behind"),
);

behaviour(
  "limits have no effect without a cgroup, and a warning names them",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.process.args = ["/bin/true"];
      config.linux.resources = { pids: { limit: 50 }, memory: { limit: 50_000_000 } };
    });
    const { stderr } = mustSucceed(await box.create(DISABLED));
    if (isTsrun) t.match(stderr, /nothing is limited, ignoring linux.resources: pids, memory/);
    mustSucceed(await box.start());
    await box.waitForStatus("stopped");
  },
  notOfRunc(LACKS),
);

behaviour(
  "--cgroup-manager has the last word on who makes the cgroups",
  async (t, lab) => {
    const box = lab.container();
    for (const managers of [
      ["--systemd-cgroup", "--cgroup-manager", "cgroupfs"],
      ["--cgroup-manager", "cgroupfs"],
    ]) {
      mustSucceed(await call(lab, ...managers, "create", "--bundle", box.bundle, box.id));
      t.not(cgroupFolders(box.id).length, 0, managers.join(" "));
      mustSucceed(await box.delete());
    }
    refused(t, await box.create({ globals: ["--cgroup-manager", "none"] }), /unknown cgroup manager "none"/);
    await nothingLeft(t, lab, "after the refusal");
  },
  notOfRunc(LACKS),
  needsOwnDriver(),
);

function needsOwnDriver(): Condition {
  return systemdDriver ? "is about the driver of the runtime itself" : undefined;
}

behaviour(
  "explain says that there is no cgroup",
  async (t, lab) => {
    const box = await running(lab);
    const said = mustSucceed(await call(lab, "explain", "--json", box.id)).stdout;
    const section = JSON.parse(said).sections.find(({ topic }: { topic: string }) => topic === "cgroup");
    t.match(section.text[0], /None is made, as asked for/);
    t.ok(existsSync(join(lab.stateRoot, box.id)) && readdirSync(lab.stateRoot).length === 1);
  },
  tsrunOnly("explain is tsrun's own"),
);
