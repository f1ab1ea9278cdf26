// `top`: what containers use, on a terminal, in a pipe and as JSON.

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { behaviour, needsController, refused, tsrunOnly } from "../support/behaviour.ts";
import { needsFreezer, needsUnified, onUnified } from "../support/cgroup.ts";
import { driverFlags } from "../support/cgroup-driver.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { sleeping } from "../support/drift.ts";
import { signalProcess } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { runtimePath } from "../support/runtime.ts";
import { atTerminal, needsTerminal, seen } from "../support/terminal.ts";
import { until } from "../support/wait.ts";

t.setTimeout(300_000);

const ONLY_TSRUN = tsrunOnly("has no top command");
const MIB = 1 << 20;
/** ICANON and ECHO of termios(3), which a terminal has when a shell waits for a line. */
const LINES = 0o2 | 0o10;

interface Usage {
  readonly id: string;
  readonly status: string;
  readonly pid: number;
  readonly cpuPercent?: number;
  readonly memory?: number;
  readonly memoryLimit?: number;
  readonly pids?: number;
  readonly pidsLimit?: number;
}

async function once(lab: Lab, ...ids: readonly string[]): Promise<readonly Usage[]> {
  const { stdout } = mustSucceed(await lab.invoke(["top", "--once", "--json", ...ids]));
  return (JSON.parse(stdout) as { containers: readonly Usage[] }).containers;
}

/** A container that keeps a processor busy, within limits. */
async function busy(lab: Lab): Promise<Container> {
  const box = lab.container((config) => {
    Container.script("while :; do :; done")(config);
    config.linux.resources = { memory: { limit: 64 * MIB }, pids: { limit: 50 } };
  });
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  return box;
}

behaviour(
  "each container with its figures and limits; those that have ended only where they are named",
  async (t, lab) => {
    t.strictSame(await once(lab), [], "there is none");
    const worker = await busy(lab);
    const { box: idle } = await sleeping(lab);
    const { box: ended } = await sleeping(lab);
    mustSucceed(await ended.kill("KILL"));
    await ended.waitForStatus("stopped");
    const created = lab.container();
    mustSucceed(await created.create());
    // On a busy machine others may have the processors, or top stops between the clock and a counter.
    const all = await until("a look during which it was at work", async () => {
      const found = await once(lab);
      const { cpuPercent = 0 } = found.find(({ id }) => id === worker.id) ?? {};
      return cpuPercent > 1 && cpuPercent < 150 && found;
    });
    t.strictSame(all.map(({ id }) => id).sort(), [worker.id, idle.id, created.id].sort());
    const [first] = all.filter(({ id }) => id === worker.id);
    t.match(first, { status: "running", memoryLimit: 64 * MIB, pids: 1, pidsLimit: 50 });
    t.ok((first?.memory ?? 0) > 0 && first?.pid === (await worker.stateDocument()).pid);
    t.match(await once(lab, ended.id), [{ id: ended.id, status: "stopped", pid: 0 }]);
    const table = async () =>
      mustSucceed(await lab.invoke(["top"]))
        .stdout.trimEnd()
        .split("\n");
    const busiest = new RegExp(`^${worker.id} +running .* 64MiB +1/50 `);
    const [head = "", ...rows] = await until("it to be the busiest, and so the first", async () => {
      const found = await table();
      return busiest.test(found[1] ?? "") && found;
    });
    t.match(head, /^ID +STATUS +CPU % +MEMORY +LIMIT +PIDS +READ\/S +WRITE\/S +PSI-CPU +PSI-MEM +PSI-IO$/);
    t.equal(rows.length, 3, "no terminal: one table");
  },
  needsController("memory"),
  needsController("pids"),
  ONLY_TSRUN,
);

behaviour(
  "on a terminal the table goes on until q, in its width, and the terminal is as it was",
  async (t, lab) => {
    const { box } = await sleeping(lab);
    for (const columns of [60, 80, 200]) {
      const wrapper = atTerminal(
        { size: [12, columns] },
        { expect: "1 container, every 200ms; q ends" },
        { modes: true },
        { expect: box.id.slice(0, 6) },
        { send: "q" },
      );
      const { missing, shown, code, modes } = seen(
        await lab.invoke(["top", "--interval", "200ms"], { wrapper }),
      );
      t.strictSame([missing, code], [null, 0]);
      t.equal((modes.at(-2)?.[3] ?? 0) & LINES, 0, "keys are read one by one meanwhile");
      t.equal((modes.at(-1)?.[3] ?? 0) & LINES, LINES);
      t.match(shown, /\[\?1049h[\s\S]*\[\?1049l$/, "the screen is given back");
    }
  },
  needsTerminal(),
  ONLY_TSRUN,
);

behaviour(
  "Ctrl-C and SIGTERM end it, and the terminal is as it was",
  async (t, lab) => {
    const byKey = atTerminal({ expect: "0 containers" }, { send: "\u0003" });
    const first = seen(await lab.invoke(["top"], { wrapper: byKey }));
    t.strictSame([first.missing, first.code], [null, 0]);
    t.equal((first.modes.at(-1)?.[3] ?? 0) & LINES, LINES);
    const [up, pidFile] = [join(lab.folder, "up"), join(lab.folder, "pid")];
    const writePid = ["sh", "-c", `echo $$ >${pidFile}; exec "$@"`, "sh"];
    const bySignal = [...atTerminal({ expect: "0 containers" }, { touch: up }), ...writePid];
    const ending = lab.invoke(["top"], { wrapper: bySignal });
    await until("the table", () => existsSync(up));
    signalProcess(readFileSync(pidFile, "utf8"), "SIGTERM");
    const second = seen(await ending);
    t.equal((second.modes.at(-1)?.[3] ?? 0) & LINES, LINES);
    t.match(second.shown, /\[\?1049l$/);
    const dumb = [...atTerminal(), "env", "TERM=dumb"];
    const third = seen(await lab.invoke(["top"], { wrapper: dumb }));
    t.match(third.shown, /^ID +STATUS/, "a terminal that can draw nothing gets one table");
  },
  needsTerminal(),
  ONLY_TSRUN,
);

behaviour(
  "containers come and go, and freeze, while it looks; it ends when those that are named have ended",
  async (t, lab) => {
    const { box } = await sleeping(lab);
    const words = ["--root", lab.stateRoot, ...driverFlags, "top", "--json", "--interval", "100ms"];
    const follow = (...ids: readonly string[]) => {
      const child = spawn(runtimePath, [...words, ...ids], { stdio: ["ignore", "pipe", "inherit"] });
      lab.atClose(() => child.kill("SIGKILL"));
      let text = "";
      child.stdout.on("data", (chunk) => {
        text += String(chunk);
      });
      const last = (): readonly Usage[] => {
        const line = text.split("\n").at(-2);
        return line === undefined ? [] : (JSON.parse(line) as { containers: readonly Usage[] }).containers;
      };
      const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
      return { last, ended, end: () => child.kill("SIGTERM") };
    };
    const [all, one] = [follow(), follow(box.id)];
    const statusOf = (id: string) => all.last().find((usage) => usage.id === id)?.status;
    await until("it to be seen", () => statusOf(box.id) === "running");
    const { box: other } = await sleeping(lab);
    await until("another to be seen", () => statusOf(other.id) === "running");
    if (needsFreezer() === undefined) {
      mustSucceed(await lab.invoke(["pause", other.id]));
      await until("it to freeze", () => statusOf(other.id) === "paused");
    }
    mustSucceed(await other.delete({ flags: ["--force"] }));
    await until("it to go", () => all.last().length === 1);
    mustSucceed(await box.delete({ flags: ["--force"] }));
    t.equal(await one.ended, 0, "the named one has ended");
    t.match(one.last(), [{ id: box.id, status: /^(gone|stopped)$/ }]);
    await until("the last to go", () => all.last().length === 0);
    all.end();
    await all.ended;
  },
  ONLY_TSRUN,
);

behaviour(
  "a container without a cgroup has no figures, and one on cgroup v2 has",
  async (t, lab) => {
    const { box } = await sleeping(lab, () => {}, { globals: ["--cgroup-manager", "disabled"] });
    t.strictSame(Object.keys((await once(lab, box.id))[0] ?? {}), ["id", "status", "pid"]);
    const second = lab.container(Container.script("sleep 1000"));
    mustSucceed(await second.create(onUnified));
    const { stdout } = mustSucceed(await lab.invoke(["top", "--once", second.id], onUnified));
    t.match(stdout, new RegExp(`^${second.id} +created`, "m"));
    mustSucceed(await second.delete({ ...onUnified, flags: ["--force"] }));
  },
  needsUnified(),
  ONLY_TSRUN,
);

behaviour(
  "a container that is not there is refused, as is an interval of nothing",
  async (t, lab) => {
    refused(t, await lab.invoke(["top", "nobody"]), /container does not exist/);
    refused(t, await lab.invoke(["top", "--interval", "0s"]), /duration interval must be greater than 0/);
  },
  ONLY_TSRUN,
);
