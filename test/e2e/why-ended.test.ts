// `why` about containers that have ended, and about those that are gone: how, from whom, and what of it is
// not known. What is remembered is bounded, and damage to it is no failure.

import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, needsController, nothingLeft, tsrunOnly } from "../support/behaviour.ts";
import type { Config } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { signalProcess } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { until } from "../support/wait.ts";
import { stuck, why } from "../support/why.ts";

const ours = tsrunOnly("has no why command");

const SLEEP = Container.script("exec sleep 1000");

async function running(lab: Lab, edit: (config: Config) => void): Promise<Container> {
  const box = lab.container(edit);
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  return box;
}

const historyOf = (lab: Lab): string => join(lab.stateRoot, ".ended");

behaviour(
  "a run in the foreground leaves its exit status, or the signal that nobody of tsrun sent",
  async (t, lab) => {
    const well = lab.container(Container.script("exit 0"));
    await well.run();
    const fine = await why(lab, well.id);
    t.match(fine, { code: 0, state: "gone", wrong: false, end: { status: 0 } });
    t.match(fine.about("exit"), { words: "it ended by itself, with exit status 0" });
    const failing = lab.container(Container.script("exit 127"));
    t.equal((await failing.run()).code, 127);
    const failed = await why(lab, failing.id);
    t.match(failed, { code: 2, end: { status: 127 } });
    t.match(failed.about("exit"), { weight: "wrong", details: [/do not find a program/] });
    const shot = lab.container(SLEEP);
    const run = shot.run();
    const { pid } = await shot.waitForProgram("sleep");
    signalProcess(pid, "SIGKILL");
    t.equal((await run).code, 137);
    const killed = await why(lab, shot.id);
    t.match(killed, { code: 2, end: { signal: 9 } });
    t.match(killed.about("signal"), { words: /tsrun did not send it, and who did is not known$/ });
    await nothingLeft(t, lab, "after the runs");
  },
  ours,
);

behaviour(
  "a signal of kill is told with who asked for it, before and after delete",
  async (t, lab) => {
    const box = lab.container((config) => {
      Container.script("trap 'exit 7' TERM; echo up; while :; do usleep 1000; done")(config);
    });
    mustSucceed(await box.run({ flags: ["--detach"] }));
    await until("the trap to be set", () => box.output() === "up\n");
    mustSucceed(await box.kill("WINCH"));
    mustSucceed(await box.kill("TERM"));
    await box.waitForStatus("stopped");
    const name = readFileSync("/proc/self/comm", "utf8").trimEnd();
    const words = new RegExp(`kill sent it at \\S+Z, called by process ${process.pid} \\(${name}\\)`);
    const there = await why(lab, box.id);
    t.match(there, { code: 0, state: "stopped", wrong: false });
    t.match(JSON.stringify(there.findings), words);
    t.notMatch(JSON.stringify(there.findings), /WINCH/, "that ends nothing");
    mustSucceed(await box.delete());
    const gone = await why(lab, box.id);
    t.match(gone, { code: 0, state: "gone" });
    t.match(JSON.stringify(gone.findings), new RegExp(`called by process ${process.pid} `));
    const forced = await running(lab, SLEEP);
    mustSucceed(await forced.delete({ flags: ["--force"] }));
    t.match((await why(lab, forced.id)).findings, [{ words: "SIGKILL ended it: delete killed it" }]);
    await nothingLeft(t, lab, "after delete");
  },
  ours,
);

behaviour(
  "a container that was never started is told so when it is gone",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create());
    mustSucceed(await box.delete());
    const report = await why(lab, box.id);
    t.match(report, { code: 0, state: "gone" });
    t.match(report.about("never started"), { words: "it was deleted before anybody started it" });
  },
  ours,
);

behaviour(
  "a process that the OOM killer ended is reported with its cgroup's counter",
  async (t, lab) => {
    const limit = (config: Config): void => {
      config.linux.resources = { memory: { limit: 8 << 20 } };
    };
    const first = lab.container((config) => {
      config.process.args = ["/bin/tail", "/dev/zero"];
      limit(config);
    });
    t.equal((await first.run()).code, 137);
    const report = await why(lab, first.id);
    t.match(report, { code: 2, state: "gone", end: { signal: 9 } });
    t.match(report.about("oom"), {
      weight: "wrong",
      words: /^the kernel killed (the first process|1 process of it): out of memory$/,
      details: [/: oom_kill 1$/],
      next: /^raise linux\.resources\.memory\.limit/,
    });
    const other = await running(lab, (config) => {
      Container.script("tail /dev/zero; echo survived; exec sleep 1000")(config);
      limit(config);
    });
    await until("the shell to go on", () => other.output().includes("survived"));
    const runs = await why(lab, other.id);
    t.match(runs, { code: 2, state: "running" });
    t.match(runs.about("oom"), { words: "the kernel killed 1 process of it: out of memory" });
    mustSucceed(await other.delete({ flags: ["--force"] }));
    t.ok((await why(lab, other.id)).about("oom"), "the counter outlives its cgroup");
  },
  ours,
  needsController("memory"),
);

behaviour(
  "a call that seccomp did not allow is named where the kernel's log has it",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.process.args = ["/bin/mkdir", "/tmp/x"];
      const names = ["mkdir", "mkdirat"];
      const syscalls = [{ names, action: "SCMP_ACT_KILL_PROCESS" }];
      config.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls };
    });
    t.equal((await box.run({ flags: ["--keep"] })).code, 128 + 31);
    const report = await why(lab, box.id);
    t.match(report, { code: 2, state: "stopped", words: "has ended: SIGSYS", end: { signal: 31 } });
    const found = report.about("seccomp");
    if (found?.words.includes("which one is not known") === true) {
      t.match(found.details, [/neither the kernel's log nor auditd's/]);
    } else {
      t.match(found, {
        words: /^SIGSYS ended it: its seccomp profile does not allow mkdir(at)?\(2\)$/,
        details: ["the rule: /linux/seccomp/syscalls/0"],
      });
    }
  },
  ours,
);

behaviour(
  "a start or a create that failed is told with its cause, also when the container is gone",
  async (t, lab) => {
    const text = lab.container();
    writeFileSync(join(text.rootfs, "text"), "hello\n", { mode: 0o755 });
    text.config.process.args = ["/text"];
    text.writeConfig();
    mustSucceed(await text.create());
    t.equal((await text.start()).code, 1);
    const failed = { weight: "wrong", words: /^start failed: exec \/text: exec format error: .*text file/ };
    const there = await why(lab, text.id);
    t.match(there, { code: 2, state: "stopped", words: "has ended" });
    t.match(there.about("failed"), failed);
    mustSucceed(await text.delete());
    const gone = await why(lab, text.id);
    t.match(gone.about("failed"), failed);
    t.equal(gone.end, undefined, "the exit status of what was no program is not told");
    const missing = lab.container((config) => {
      config.process.args = ["/missing"];
    });
    t.equal((await missing.create()).code, 1);
    const never = await why(lab, missing.id);
    t.match(never, { code: 2, state: "gone", words: /^does not exist: create failed at / });
    t.match(never.about("failed"), {
      words: /^create failed: .*the container has no "\/missing"/,
      next: /./,
    });
    const twice = lab.container(SLEEP);
    mustSucceed(await twice.create());
    t.equal((await twice.create()).code, 1, "the id is taken");
    t.match(await why(lab, twice.id), { code: 0, state: "created" });
  },
  ours,
);

behaviour(
  "how it ended is not guessed: its caller has waited for it",
  async (t, lab) => {
    const box = lab.container(Container.script("exit 3"));
    mustSucceed(await box.create());
    mustSucceed(await box.start());
    await box.waitForStatus("stopped");
    const report = await why(lab, box.id);
    // A zombie tells its exit status until its parent has waited for it.
    if (report.end === undefined)
      t.match(report.about("unknown"), { weight: "note", next: /^ask what created it/ });
    else t.match(report, { end: { status: 3 } });
    t.equal(report.state, "stopped");
    t.match(await stuck(lab), { code: 0, reports: [] }, "what has ended hangs no more");
  },
  ours,
);

behaviour(
  "the last 100 are remembered, in files that only the owner may read and that stay small",
  async (t, lab) => {
    mkdirSync(lab.stateRoot, { mode: 0o700 });
    const history = historyOf(lab);
    const line = (index: number): string => {
      const created = `2026-01-01T00:00:00.${index}Z`;
      return `${JSON.stringify({ id: `old-${index}`, created, at: 1, by: "run", status: 0 })}\n`;
    };
    writeFileSync(history, Array.from({ length: 100 }, (_, index) => line(index)).join(""), { mode: 0o600 });
    t.match(await why(lab, "old-0"), { code: 0, state: "gone" });
    const box = lab.container(Container.script("exit 0"));
    await box.run();
    t.equal((await lab.invoke(["why", "old-0"])).code, 1, "the 101st takes the place of the first");
    t.match(await why(lab, "old-1"), { code: 0 });
    t.match(await why(lab, box.id), { code: 0 });
    t.equal((await lab.invoke(["list", "-q"])).stdout, "", "it is no container");
    writeFileSync(history, `${"x".repeat(639)}\n`.repeat(101));
    await box.run();
    t.equal(statSync(history).mode & 0o777, 0o600);
    t.ok(
      statSync(history).size < 1000 && statSync(`${history}.1`).size > 60_000,
      "the full one is put aside",
    );
    t.match(await why(lab, box.id), { code: 0 }, "the new one has it");
  },
  ours,
);

behaviour(
  "a damaged history loses what is damaged, and whatever it is, no command fails",
  async (t, lab) => {
    const box = lab.container(Container.script("exit 0"));
    await box.run();
    const history = historyOf(lab);
    const whole = readFileSync(history, "utf8");
    for (const damage of [
      `{"id":"x","cre${whole}`,
      `\0\xff\n${whole}`,
      `${whole}{"id":`,
      `[]\n{}\n5\n${whole}`,
    ]) {
      writeFileSync(history, damage);
      t.match(await why(lab, box.id), { code: 0, end: { status: 0 } }, JSON.stringify(damage.slice(0, 20)));
    }
    for (const make of [
      () => mkdirSync(history),
      () => symlinkSync("/dev/null", history),
      () => symlinkSync(join(lab.folder, "elsewhere"), history),
      () => writeFileSync(history, "\0".repeat(200_000)),
    ]) {
      rmSync(history, { recursive: true, force: true });
      make();
      t.equal((await box.run()).code, 0);
      t.equal((await lab.invoke(["why", box.id])).code, 1);
      mustSucceed(await lab.invoke(["list"]));
    }
    t.notOk(existsSync(join(lab.folder, "elsewhere")), "no link is followed");
    rmSync(history);
    mustSucceed(await box.create());
    const readOnly = ["unshare", "--mount", "sh", "-c"];
    const root = lab.stateRoot;
    const remount = `mount --bind ${root} ${root}; mount -o remount,bind,ro ${root}; exec "$@"`;
    t.match(await why(lab, box.id, { wrapper: [...readOnly, remount, "sh"] }), { code: 0, state: "created" });
  },
  ours,
);

behaviour(
  "containers that end at the same time are all remembered",
  async (t, lab) => {
    const boxes = Array.from({ length: 12 }, () => lab.container(Container.script("exit 4")));
    await Promise.all(boxes.map((box) => box.run()));
    for (const { id } of boxes) t.match(await why(lab, id), { code: 2, end: { status: 4 } });
    await nothingLeft(t, lab, "after the runs");
  },
  ours,
);

behaviour(
  "each end is remembered once, in a line of its own",
  async (t, lab) => {
    const box = lab.container(Container.script("exit 0"));
    await box.run();
    await box.run();
    const lines = readFileSync(historyOf(lab), "utf8").trimEnd().split("\n");
    t.match(
      lines.map((line) => JSON.parse(line)),
      [{ id: box.id }, { id: box.id }],
    );
    t.equal(lines.length, 2);
  },
  ours,
);
