// `--trace` where systemd makes the cgroups: loading its library, the messages to it, and the waits for it.
// `make test-systemd-v1` and `make test-vm` run this.

import { join } from "node:path";
import type { Test } from "tap";
import type { CompleteEvent } from "../../src/trace/chrome.ts";
import { behaviour, type Condition, nothingLeft, tsrunOnly } from "../support/behaviour.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { categoryOf, checkTrace, type OtlpSpan, readOtlp, readTrace, type Trace } from "../support/trace.ts";

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

/** The spans around this one, the innermost first. */
function around(span: OtlpSpan, all: ReadonlyMap<string, OtlpSpan>): OtlpSpan[] {
  const outer = all.get(span.parentSpanId);
  return outer === undefined ? [] : [outer, ...around(outer, all)];
}

const begins = (span: OtlpSpan): bigint => BigInt(span.startTimeUnixNano);
const ends = (span: OtlpSpan): bigint => BigInt(span.endTimeUnixNano);

behaviour(
  "OpenTelemetry gets the same spans of systemd in the same order, each in what it is part of",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    const [chrome, otlp] = ["create.json", "create.otlp.json"].map((name) => join(lab.folder, name));
    const globals = ["--trace", chrome ?? ""];
    mustSucceed(await box.create({ globals }));
    mustSucceed(await box.delete({ flags: ["--force"] }));
    mustSucceed(await box.create({ globals: ["--trace", otlp ?? ""] }));
    const spans = [...readOtlp(otlp ?? "")].sort((one, other) => (begins(one) < begins(other) ? -1 : 1));
    const all = new Map(spans.map((span) => [span.spanId, span]));
    const [messages, waits] = ["dbus", "wait"].map((category) =>
      spans.filter((span) => categoryOf(span) === category),
    );
    t.strictSame(
      messages?.map(({ name }) => name),
      [...readTrace(chrome ?? "").of("dbus")].sort((one, other) => one.ts - other.ts).map(({ name }) => name),
      "the messages, in the order in which they are sent",
    );

    const [load] = spans.filter(({ name }) => name === "load a library");
    const [message] = messages?.filter(({ name }) => name === "StartTransientUnit") ?? [];
    const [wait] = waits?.filter(({ name }) => name === "wait for systemd's StartTransientUnit") ?? [];
    const [first] = messages ?? [];
    if (!(load && message && wait && first)) {
      t.fail(spans.map(({ name }) => name).join(", "));
      return;
    }
    t.ok(ends(load) <= begins(first), "the library is loaded before the first message");
    t.match(
      around(message, all).map((span) => [categoryOf(span), span.name]),
      [
        ["wait", wait.name],
        ["phase", /^(make the cgroup|start the first process)$/],
        ["command", "tsrun create"],
      ],
      "the message is part of the wait, and the wait of a phase",
    );
    t.ok(ends(message) < ends(wait), "the wait goes on when systemd has taken the job");
    const later = spans.filter((span) => span.parentSpanId === wait.spanId && begins(span) >= ends(message));
    t.ok(
      later.some((span) => categoryOf(span) === "library" && /^sd_bus_(wait|process)$/.test(span.name)),
      `it ends with the job: ${later.map(({ name }) => name)}`,
    );
    for (const span of messages ?? []) {
      const calls = spans.filter(
        ({ name, parentSpanId }) => name === "sd_bus_call" && parentSpanId === span.spanId,
      );
      t.equal(calls.length, 1, `${span.name} is one call of the library`);
    }
    mustSucceed(await box.delete());
    await nothingLeft(t, lab, "after delete");
  },
  ONLY,
  needsSystemd,
);
