// A state.json that 0.1.0 has written, kept in test/support/states: whoever upgrades tsrun has containers of
// the version before, and every command must go on with them.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";

type Json = { [key: string]: unknown };

const KEPT: Json = JSON.parse(readFileSync("test/support/states/0.1.0.json", "utf8"));
const ours = tsrunOnly("its state.json is another one");

/** The members that `kept` has, with the values of this host's `record`; throws where it has one less. */
function asKept(kept: Json, record: Json): Json {
  return Object.fromEntries(
    Object.entries(kept).map(([key, value]) => {
      if (!(key in record)) throw new Error(`"${key}" is no longer part of a state`);
      const own = record[key];
      // Of the others the host decides what they have.
      return [key, key === "cgroup" && isObject(value) && isObject(own) ? asKept(value, own) : own];
    }),
  );
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

behaviour(
  "a container that 0.1.0 has started goes on under every command",
  async (t, lab) => {
    const box = lab.container((config) => {
      Container.script("exec sleep 1000")(config);
      config.annotations = { "com.example.kept": "yes" };
    });
    mustSucceed(await box.run({ flags: ["--detach"] }));
    // It had been updated, and the resources are part of the state since.
    mustSucceed(await lab.invoke(["update", "--pids-limit", "60", box.id]));
    const file = join(lab.stateRoot, box.id, "state.json");
    const record: Json = JSON.parse(readFileSync(file, "utf8"));
    writeFileSync(file, JSON.stringify(asKept(KEPT, record)));
    const { status, pid } = await box.stateDocument();
    t.strictSame([status, pid], ["running", record.init_process_pid]);
    const list = mustSucceed(await lab.invoke(["list", "--format", "json"]));
    t.match(JSON.parse(list.stdout), [{ id: box.id, status: "running", pid }]);
    t.equal(mustSucceed(await lab.invoke(["exec", box.id, "echo", "inside"])).stdout, "inside\n");
    t.match(mustSucceed(await lab.invoke(["ps", box.id])).stdout, "sleep 1000");
    mustSucceed(await lab.invoke(["explain", box.id]));
    mustSucceed(await lab.invoke(["update", "--pids-limit", "50", box.id]));
    mustSucceed(await box.kill("KILL"));
    await box.waitForStatus("stopped");
    mustSucceed(await box.delete());
    await nothingLeft(t, lab, "of it");
  },
  ours,
);

behaviour(
  "a state of 0.1.0, as it was written, is read, listed and deleted",
  async (t, lab) => {
    const id = `${lab.mark}-kept`;
    const folder = join(lab.stateRoot, id);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // Its process is that of another machine, and has ended.
    writeFileSync(join(folder, "state.json"), JSON.stringify({ ...KEPT, id }));
    const state = JSON.parse(mustSucceed(await lab.invoke(["state", id])).stdout);
    t.match(state, { id, status: "stopped", pid: 0, bundle: KEPT.bundle, annotations: KEPT.annotations });
    const list = mustSucceed(await lab.invoke(["list", "--format", "json"]));
    t.match(JSON.parse(list.stdout), [{ id, status: "stopped", pid: 0, created: KEPT.created }]);
    mustSucceed(await lab.invoke(["delete", id]));
    await nothingLeft(t, lab, "of it");
  },
  ours,
);
