// Callers in time namespaces, time_namespaces(7): /proc/PID/stat shows each of them another start time of the
// same process, and it is the same container all the same.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, type Condition, nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { needsProgram } from "../support/program.ts";

const UNSHARE = needsProgram("unshare", "util-linux");
const TIME: Condition = existsSync("/proc/self/ns/time") ? undefined : "needs time namespaces (Linux 5.6)";
const FORGETS = tsrunOnly("runc 1.3.6 calls it stopped and cannot delete it; crun 1.28 forgets it");

/** Clock ticks per second in /proc. */
const TICKS = 100;

/** The words before a command that begin a time namespace, which was booted this many seconds earlier. */
function shifted(seconds: number): readonly string[] {
  return ["unshare", "--time", "--boottime", `${seconds}`, "--fork"];
}

const HERE: readonly string[] = [];

/** Where a container is made, and where commands look at it. */
const PLACES = [
  ["made in a time namespace and used outside", shifted(100_000), HERE],
  ["made outside and used in a time namespace", HERE, shifted(100_000)],
  ["made in one time namespace and used in another", shifted(100_000), shifted(5)],
  ["made and used in time namespaces with the same offset", shifted(100_000), shifted(100_000)],
] as const;

async function running(lab: Lab, wrapper: readonly string[]): Promise<Container> {
  const box = lab.container(Container.script("exec sleep 1000"));
  mustSucceed(await box.create({ wrapper }));
  mustSucceed(await box.start({ wrapper }));
  return box;
}

for (const [place, maker, wrapper] of PLACES) {
  behaviour(
    `a container that is ${place} is a running one for every command`,
    async (t, lab) => {
      const box = await running(lab, maker);
      const state = mustSucceed(await box.state({ wrapper }));
      const { status, pid } = JSON.parse(state.stdout) as { status: string; pid: number };
      t.equal(status, "running");
      const list = mustSucceed(await lab.invoke(["list", "--format", "json"], { wrapper }));
      t.match(JSON.parse(list.stdout), [{ id: box.id, status: "running", pid }]);
      const said = mustSucceed(await lab.invoke(["exec", box.id, "echo", "inside"], { wrapper }));
      t.equal(said.stdout, "inside\n");
      mustSucceed(await lab.invoke(["update", "--pids-limit", "20", box.id], { wrapper }));
      refused(t, await box.delete({ wrapper }), /cannot delete container .* that is not stopped: running/);
      mustSucceed(await box.kill("KILL", { wrapper }));
      await box.waitForStatus("stopped");
      t.match(mustSucceed(await box.state({ wrapper })).stdout, /"status": "stopped"/);
      mustSucceed(await box.delete({ wrapper }));
      await nothingLeft(t, lab, "after delete");
    },
    UNSHARE,
    TIME,
    FORGETS,
  );

  behaviour(
    `delete --force ends a container that is ${place}, and leaves nothing`,
    async (t, lab) => {
      const box = await running(lab, maker);
      const result = mustSucceed(await box.delete({ wrapper, flags: ["--force"] }));
      t.equal(result.stderr, "", "no warning");
      await nothingLeft(t, lab, "after delete --force");
    },
    UNSHARE,
    TIME,
    FORGETS,
  );
}

/** As 0.1.0 and earlier builds of 0.2.0 kept it: the start time that the maker read. */
function keepAsBefore(lab: Lab, box: Container, seconds: number): void {
  const file = join(lab.stateRoot, box.id, "state.json");
  const kept = JSON.parse(readFileSync(file, "utf8")) as { init_process_start: number };
  writeFileSync(
    file,
    JSON.stringify({ ...kept, init_process_start: kept.init_process_start + seconds * TICKS }),
  );
}

behaviour(
  "a state that an older version has written in a time namespace is valid there",
  async (t, lab) => {
    const wrapper = shifted(100_000);
    const box = await running(lab, wrapper);
    keepAsBefore(lab, box, 100_000);
    t.match(mustSucceed(await box.state({ wrapper })).stdout, /"status": "running"/);
    mustSucceed(await box.delete({ wrapper, flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete --force");
  },
  UNSHARE,
  TIME,
  tsrunOnly("its state is another one"),
);

behaviour(
  "delete --force does not forget a container whose process is in its cgroup with another start time",
  async (t, lab) => {
    const box = await running(lab, HERE);
    const { pid } = await box.waitForProgram("sleep");
    keepAsBefore(lab, box, 100_000);
    const result = await box.delete({ flags: ["--force"] });
    refused(
      t,
      result,
      new RegExp(`cannot delete the container: process ${pid} in its cgroup has the pid of`),
    );
    t.ok(existsSync(`/proc/${pid}`), "it lives");
    keepAsBefore(lab, box, -100_000);
    t.equal((await box.stateDocument()).status, "running", "and is remembered");
  },
  tsrunOnly("its state is another one"),
);
