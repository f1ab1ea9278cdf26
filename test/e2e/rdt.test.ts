// Intel RDT on a host without it, as nearly all are: it is refused before anything is made. test/unit/rdt
// tests the rest on a tree of files.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, notOfCrun, refused, tsrunOnly } from "../support/behaviour.ts";
import type { Config } from "../support/config.ts";
import { mustSucceed } from "../support/container.ts";
import { hostMounts } from "../support/host.ts";

const WITHOUT = hostMounts().some(({ type }) => type === "resctrl") ? "this host has resctrl" : undefined;
const NOT_MOUNTED = /: no resctrl file system is mounted/;

behaviour(
  "a container that asks for Intel RDT is refused, and nothing is left",
  async (t, lab) => {
    const asked: NonNullable<Config["linux"]["intelRdt"]>[] = [
      {},
      { closID: "gold" },
      { l3CacheSchema: "L3:0=f" },
      { memBwSchema: "MB:0=10" },
      { schemata: ["L2:0=f"] },
      { enableMonitoring: true },
    ];
    for (const intelRdt of asked) {
      const box = lab.container((config) => {
        config.linux.intelRdt = intelRdt;
      });
      refused(t, await box.create(), NOT_MOUNTED);
    }
    await nothingLeft(t, lab, "after the refusals");
  },
  WITHOUT,
  tsrunOnly("creates the container without what only names a class"),
);

behaviour(
  "an update of it is refused, and nothing has changed",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.process.args = ["/bin/sleep", "1000"];
    });
    mustSucceed(await box.create());
    for (const flag of ["--l3-cache-schema=L3:0=f", "--mem-bw-schema=MB:0=10"]) {
      refused(t, await lab.invoke(["update", flag, box.id]), NOT_MOUNTED);
      refused(t, await lab.invoke(["update", "--pids-limit", "7", flag, box.id]), NOT_MOUNTED);
    }
  },
  WITHOUT,
  notOfCrun("it does nothing of it, and succeeds"),
);

behaviour(
  "exec enters the groups that the container's state tells of, and delete removes its own",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.process.args = ["/bin/sleep", "1000"];
    });
    mustSucceed(await box.create());
    mustSucceed(await box.start());
    const group = join(lab.folder, "group");
    mkdirSync(group);
    const tasks = join(lab.folder, "tasks");
    writeFileSync(tasks, "");
    const state = join(lab.stateRoot, box.id, "state.json");
    const record = JSON.parse(readFileSync(state, "utf8"));
    const rdt = { schemata: join(group, "schemata"), tasks: [tasks, join(group, "tasks")], remove: group };
    writeFileSync(state, JSON.stringify({ ...record, rdt }));
    // The second file does not exist: others may have removed the group.
    mustSucceed(await lab.invoke(["exec", box.id, "/bin/true"]));
    t.match(readFileSync(tasks, "utf8"), /^\d+$/);
    mustSucceed(await box.delete({ flags: ["--force"] }));
    t.notOk(existsSync(group));
  },
  tsrunOnly("its state is another"),
);
