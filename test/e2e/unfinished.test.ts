// Every command on a container that `create` has not finished: its state names no first process, and a cgroup
// that is only planned. Another container has the cgroup of that path. It must not be touched, nor be taken
// for this one.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import { behaviour, type Condition, needsController, refused, tsrunOnly } from "../support/behaviour.ts";
import { cgroupFolders, needsFreezer, readSetting } from "../support/cgroup.ts";
import type { Config } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { findProgram } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { until } from "../support/wait.ts";
import { why } from "../support/why.ts";

const CONDITIONS: readonly Condition[] = [
  tsrunOnly("keeps its state in another way"),
  needsController("memory"),
  needsController("pids"),
  needsFreezer(),
  findProgram("flock") === undefined ? "needs flock (package util-linux)" : undefined,
];

const PIDS = { v1: "pids.max", v2: "pids.max" };

/** Its processes are known by its cgroup alone, and the kernel has killed one of them. */
function edit(config: Config): void {
  Container.script("tail /dev/zero; echo survived; exec sleep 1000")(config);
  config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "pid");
  config.linux.resources = { memory: { limit: 8 << 20 }, pids: { limit: 77 } };
}

class Unfinished {
  readonly #lab: Lab;
  readonly #other: Container;
  readonly #half: Container;
  readonly #state: string;
  readonly #made: string;
  #begun = "";

  private constructor(lab: Lab, other: Container, half: Container) {
    this.#lab = lab;
    this.#other = other;
    this.#half = half;
    this.#state = join(lab.stateRoot, half.id, "state.json");
    this.#made = readFileSync(this.#state, "utf8");
  }

  static async make(lab: Lab): Promise<Unfinished> {
    const other = lab.container(edit);
    mustSucceed(await other.run({ flags: ["--detach"] }));
    await until("the shell to go on", () => other.output().includes("survived"));
    await other.waitForProgram("sleep");
    const half = lab.container(edit);
    mustSucceed(await half.create());
    const made = new Unfinished(lab, other, half);
    made.begin();
    return made;
  }

  get id(): string {
    return this.#half.id;
  }

  /** Writes the state as `create` saves it before it makes a cgroup. */
  begin(): void {
    const { cgroup } = JSON.parse(
      readFileSync(join(this.#lab.stateRoot, this.#other.id, "state.json"), "utf8"),
    );
    const begun = { init_process_pid: 0, init_process_start: 0, cgroupIsPlanned: true, cgroup };
    this.#begun = JSON.stringify({ ...JSON.parse(this.#made), ...begun });
    writeFileSync(this.#state, this.#begun);
  }

  /** Ends the first process, which the state does not name. */
  async endProcess(): Promise<void> {
    writeFileSync(this.#state, this.#made);
    mustSucceed(await this.#half.kill("KILL"));
    await this.#half.waitForStatus("stopped");
    this.begin();
  }

  /** Takes the real state back, so that what was made can be removed. */
  async end(): Promise<void> {
    writeFileSync(this.#state, this.#made);
    mustSucceed(await this.#half.delete({ flags: ["--force"] }));
  }

  /** Holds the lock by which a `create` that is under way is known, until the returned function is called. */
  async hold(): Promise<() => Promise<void>> {
    const config = join(this.#lab.stateRoot, this.id, "config.json");
    const holder = spawn("flock", [config, "sh", "-c", "echo held; cat"], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    await once(holder.stdout, "data");
    return async () => {
      holder.stdin.end();
      await once(holder, "exit");
    };
  }

  /** Checks that nothing of either container has changed. */
  async checkUntouched(t: Test, when: string): Promise<void> {
    t.equal(readFileSync(this.#state, "utf8"), this.#begun, `${when}: its state is what it was`);
    await this.checkOther(t, when);
  }

  async checkOther(t: Test, when: string): Promise<void> {
    t.match(await this.#other.stateDocument(), { status: "running" }, `${when}: the other one runs`);
    t.equal(readSetting("pids", this.#other.id, PIDS), "77", `${when}: the other one has its limits`);
  }
}

/** A command, and the error that it ends with; `undefined` if it only tells something. */
interface Case {
  readonly args: (id: string, lab: Lab) => readonly string[];
  readonly error: RegExp | undefined;
  readonly code?: number;
}

const NOT_RUNNING = /container not running/;

function cases(status: "creating" | "stopped"): Readonly<Record<string, Case>> {
  const isBegun = status === "creating";
  return {
    exec: {
      args: (id) => ["exec", id, "/bin/true"],
      error: /cannot exec in a (container in the creating state|stopped container)/,
      code: 255,
    },
    "exec of a paused one": {
      args: (id) => ["exec", "--ignore-paused", id, "/bin/true"],
      error: /cannot exec in a (container in the creating state|stopped container)/,
      code: 255,
    },
    start: {
      args: (id) => ["start", id],
      error: isBegun ? /in the creating state/ : /cannot start a container that has stopped/,
    },
    "kill KILL": { args: (id) => ["kill", id, "KILL"], error: NOT_RUNNING },
    "kill --all TERM": { args: (id) => ["kill", "--all", id, "TERM"], error: undefined },
    update: { args: (id) => ["update", "--pids-limit", "50", id], error: NOT_RUNNING },
    pause: { args: (id) => ["pause", id], error: NOT_RUNNING },
    resume: { args: (id) => ["resume", id], error: /container not paused/ },
    "events --stats": { args: (id) => ["events", "--stats", id], error: /is not running/ },
    events: { args: (id) => ["events", id], error: /is not running/ },
    checkpoint: {
      args: (id, lab) => ["checkpoint", "--image-path", join(lab.folder, "images"), id],
      error: /Container cannot be checkpointed in (creating|stopped) state/,
    },
    "mounts add": {
      args: (id, lab) => {
        const file = join(lab.folder, "mounts.json");
        writeFileSync(file, JSON.stringify([{ destination: "/mnt", type: "tmpfs", source: "none" }]));
        return ["mounts", "add", id, file];
      },
      error: /cannot .* mounts? .*(creating|stopped)|not running/,
    },
    diff: { args: (id) => ["diff", id], error: NOT_RUNNING, code: 2 },
    state: { args: (id) => ["state", id], error: undefined },
    list: { args: () => ["list"], error: undefined },
    "ps of the host": { args: (id) => ["ps", id], error: undefined },
    gc: { args: () => ["gc"], error: undefined, code: isBegun ? 0 : 2 },
    ...(isBegun ? { delete: { args: (id) => ["delete", id], error: /is not stopped: creating/ } } : {}),
  };
}

for (const status of ["creating", "stopped"] as const) {
  const title = status === "creating" ? "is under way" : "was killed before it had made a cgroup";
  behaviour(
    `no command on a container whose create ${title} acts on another one`,
    async (t, lab) => {
      const box = await Unfinished.make(lab);
      const letGo = status === "creating" ? await box.hold() : undefined;
      for (const [name, { args, error, code }] of Object.entries(cases(status))) {
        await t.test(name, async (t) => {
          const result = await lab.invoke(args(box.id, lab));
          if (error === undefined) t.equal(result.code, code ?? 0);
          else refused(t, result, error, code);
          await box.checkUntouched(t, name);
        });
      }
      t.notOk(existsSync(join(lab.folder, "images")), "criu got nothing");
      const [state, ps, top] = [
        await lab.invoke(["state", box.id]),
        await lab.invoke(["ps", "--format", "json", box.id]),
        await lab.invoke(["top", "--once", "--json", box.id]),
      ];
      t.match(JSON.parse(state.stdout), { status, pid: 0 });
      t.equal(JSON.parse(ps.stdout), null, "it has no process yet");
      const usage = { id: box.id, status, pid: 0 };
      t.strictSame(JSON.parse(top.stdout).containers, [usage], "nor any figures, which are the other one's");
      const report = await why(lab, box.id);
      for (const kind of ["oom", "left", "frozen"]) t.equal(report.about(kind), undefined, `no ${kind}`);
      await box.checkUntouched(t, "in the end");
      await letGo?.();
      await box.end();
    },
    ...CONDITIONS,
  );
}

behaviour(
  "what is remembered of a container whose create was killed early has no kills of another one",
  async (t, lab) => {
    const box = await Unfinished.make(lab);
    await box.endProcess();
    t.match(await lab.invoke(["delete", "--force", box.id]), { code: 0, stderr: /is in use by others/ });
    const report = await why(lab, box.id);
    t.match(report, { state: "gone" });
    t.equal(report.about("oom"), undefined);
    await box.checkOther(t, "after delete");
    for (const folder of cgroupFolders(box.id)) rmdirSync(folder);
  },
  ...CONDITIONS,
);
