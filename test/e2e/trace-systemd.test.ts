// `--trace` where systemd makes the cgroups: loading its library, the messages to it, and the waits for it.
// `make test-systemd-v1` and `make test-vm` run this.

import { join } from "node:path";
import type { Test } from "tap";
import type { CompleteEvent } from "../../src/trace/chrome.ts";
import { behaviour, type Condition, nothingLeft, tsrunOnly } from "../support/behaviour.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { checkTrace, readTrace, type Trace } from "../support/trace.ts";

const ONLY = tsrunOnly("has no --trace");

const needsSystemd: Condition = systemdDriver
  ? undefined
  : "needs systemd as the cgroup driver: make test-systemd-v1, make test-vm";

const endOf = ({ ts, dur }: CompleteEvent): number => ts + dur;

/** Finds the events of this name, and checks that each took some time within the command. */
function found(t: Test, trace: Trace, cat: CompleteEvent["cat"], name: string): readonly CompleteEvent[] {
  const events = trace.of(cat).filter((event) => event.name === name);
  t.ok(events.length > 0, `${cat}: ${name}`);
  for (const { dur, pid } of events) {
    t.ok(dur > 1 && dur < trace.whole.dur, `${name} took ${dur} us of ${trace.whole.dur}`);
    t.equal(pid, trace.whole.pid);
  }
  return events;
}

/** Checks that each of `inner` happened during one of `outer`. */
function within(t: Test, inner: readonly CompleteEvent[], outer: readonly CompleteEvent[]): void {
  for (const one of inner) {
    const contains = (other: CompleteEvent) => other.ts <= one.ts && endOf(one) <= endOf(other) + 0.01;
    t.ok(outer.some(contains), `${one.name} in one of ${outer.map(({ name }) => name)}`);
  }
}

behaviour(
  "the waits for systemd and the messages to it are in the trace",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    const traced = (name: string) => {
      const file = join(lab.folder, `${name}.json`);
      const read = () => {
        const trace = readTrace(file);
        checkTrace(t, trace, name);
        return trace;
      };
      return { globals: ["--trace", file], file, read };
    };
    const create = traced("create");
    mustSucceed(await box.create({ globals: create.globals }));
    const made = create.read();
    const load = found(t, made, "library", "load a library");
    t.match(load, [{ args: { what: "libsystemd.so.0" } }], "once");
    const waits = found(t, made, "wait", "wait for systemd's StartTransientUnit");
    const messages = found(t, made, "dbus", "StartTransientUnit");
    t.equal(messages.length, 1);
    within(t, messages, waits);
    within(t, found(t, made, "library", "sd_bus_call"), made.of("dbus"));
    within(
      t,
      waits,
      made.of("phase").filter(({ name }) => name === "make the cgroup" || name === "start the first process"),
    );
    const { stdout } = mustSucceed(await lab.invoke(["explain", "--times", create.file]));
    t.match(stdout, /tsrun: wait for systemd's StartTransientUnit/);

    const kill = traced("kill");
    mustSucceed(await box.kill("KILL", { globals: kill.globals }));
    t.strictSame(kill.read().of("dbus"), [], "kill does not ask systemd");
    await box.waitForStatus("stopped");

    const remove = traced("delete");
    mustSucceed(await box.delete({ globals: remove.globals }));
    const removed = remove.read();
    const asked = removed.of("dbus");
    t.ok(asked.length > 0, "delete asks systemd");
    within(t, found(t, removed, "library", "sd_bus_call"), asked);
    await nothingLeft(t, lab, "after delete");
  },
  ONLY,
  needsSystemd,
);
