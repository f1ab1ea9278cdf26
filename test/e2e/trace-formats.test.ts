// What `--trace` writes for OpenTelemetry, and how `explain --times` sums either format up.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { CompleteEvent } from "../../src/trace/chrome.ts";
import { behaviour, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { shell } from "../support/every-hook.ts";
import { runtimePath } from "../support/runtime.ts";
import { categoryOf, checkTrace, readOtlp, readTrace } from "../support/trace.ts";

const ONLY = tsrunOnly("has no --trace");

const sleeping = Container.script("exec sleep 1000");

behaviour(
  "explain --times says where the time of a command went, from either format",
  async (t, lab) => {
    const box = lab.container(sleeping);
    for (const name of ["create.json", "create.otlp.json"]) {
      const file = join(lab.folder, name);
      mustSucceed(await box.create({ globals: ["--trace", file] }));
      mustSucceed(await box.delete());
      const { stdout } = mustSucceed(await lab.invoke(["explain", "--times", file]));
      t.match(stdout, /^create took \d+\.\d{3} ms\ntsrun /);
      t.match(stdout, / MS +% {2}PHASE\n/);
      const json = mustSucceed(await lab.invoke(["explain", "--times", file, "--json"]));
      const { own, phases, calls } = JSON.parse(json.stdout);
      const of = (rows: { name: string; process?: string }[]) =>
        rows.map(({ name, process }) => `${process ?? ""} ${name}`);
      t.ok(of(phases).includes(" make the mounts"), "phases");
      t.ok(of(calls).includes("tsrun openat"), "calls of tsrun");
      t.ok(of(calls).includes("first process pivot_root"), "calls inside");
      for (const rows of [own, phases]) {
        const sum = rows.reduce((all: number, { share }: { share: number }) => all + share, 0);
        t.ok(Math.abs(sum - 100) < 0.1, `${sum} %`);
      }
    }
    const other = await lab.invoke(["explain", "--times", join(box.bundle, "config.json")]);
    t.equal(other.code, 1);
    t.match(other.stderr, /it is no trace that tsrun has written/);
    const both = await lab.invoke(["explain", "--times", "trace.json", box.bundle]);
    t.equal(both.code, 1);
    t.match(both.stderr, /no bundle, container or page belongs to it/);
  },
  ONLY,
);

behaviour(
  "OpenTelemetry gets spans of its caller's trace, each in one that contains it",
  async (t, lab) => {
    const box = lab.container(sleeping);
    const file = join(lab.folder, "create.json");
    const [traceId, parent] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
    const env = { PATH: process.env.PATH ?? "", TRACEPARENT: `00-${traceId}-${parent}-01` };
    const before = BigInt(Date.now()) * 1_000_000n;
    mustSucceed(await box.create({ globals: ["--trace", file], env }));
    const text = readFileSync(file, "utf8");
    t.equal(text.indexOf("\n"), text.length - 1, "one line");
    const spans = readOtlp(file);
    const [root, ...others] = spans;
    t.match(root, { traceId, parentSpanId: parent, name: "tsrun create" });
    const byId = new Map(spans.map((span) => [span.spanId, span]));
    t.equal(byId.size, spans.length, "each span has an id of its own");
    for (const span of others) {
      const container = byId.get(span.parentSpanId);
      const isWhole =
        /^[0-9a-f]{16}$/.test(span.spanId) &&
        span.traceId === traceId &&
        span.kind === 1 &&
        BigInt(span.startTimeUnixNano) >= BigInt(container?.startTimeUnixNano ?? span.endTimeUnixNano) &&
        BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano);
      if (!isWhole) t.fail(`a span is wrong: ${JSON.stringify(span)}`);
    }
    const off = BigInt(root?.startTimeUnixNano ?? "0") - before;
    t.ok(off > -5_000_000n && off < 10_000_000_000n, "times are those of the day");
    t.ok(others.some((span) => categoryOf(span) === "inside" && span.name === "pivot_root"));
    mustSucceed(await box.delete());
  },
  ONLY,
);

behaviour(
  "phases come in the order of the work, a hook is in theirs, and processes have names",
  async (t, lab) => {
    const box = lab.container((config) => {
      sleeping(config);
      config.hooks = { createRuntime: [shell("true")] };
    });
    const file = join(lab.folder, "create.json");
    mustSucceed(await box.create({ globals: ["--trace", file] }));
    const create = readTrace(file);
    const phases = create.of("phase");
    const begun = ["make the cgroup", "start the first process", "prepare the mounts"];
    const made = ["make the mounts", "set the limits", "run the hooks", "change the root"];
    t.strictSame(
      phases.map(({ name }) => name).filter((name) => [...begun, ...made].includes(name)),
      [...begun, ...made],
    );
    const isIn = (event: CompleteEvent) => (phase: CompleteEvent) =>
      phase.ts <= event.ts && event.ts + event.dur <= phase.ts + phase.dur;
    const [hook] = create.of("hook");
    t.match(hook && phases.find(isIn(hook)), { name: "run the hooks" });
    mustSucceed(await box.start());
    mustSucceed(await lab.invoke(["--trace", file, "exec", box.id, "true"]));
    const names = readTrace(file)
      .document.traceEvents.filter(({ ph }) => ph === "M")
      .map(({ args }) => ("name" in args ? args.name : ""));
    t.strictSame(names.slice(-2), ["process with privileges", "process inside"]);
  },
  ONLY,
);

/** What needs care in a JSON string, and what it is read as; the last one is not UTF-8. */
const ODD: readonly (readonly [string, string])[] = [
  ...['"', "\\", "\u0001", "\n", "\u007f", "\u001f", "!", "é", "€", "😀"].map((one) => [one, one] as const),
  ["\\377", "\ufffd"],
];

behaviour(
  "every path is a text of JSON in a trace",
  async (t, lab) => {
    const script = '"$0" --root "$(printf "$1")" --trace "$2" state none';
    const file = join(lab.folder, "state.json");
    for (const [given, read] of ODD) {
      // Eight bytes are looked at together, so each place among them is tried.
      const pathOf = (odd: string) =>
        join(lab.folder, ...Array.from({ length: 9 }, (_, before) => `${"x".repeat(before)}${odd}y`));
      const format = pathOf(given === "\\" ? "\\\\" : given);
      spawnSync("/bin/sh", ["-c", script, runtimePath, format, file]);
      const trace = readTrace(file);
      checkTrace(t, trace, "state");
      const opened = trace.events.filter(
        ({ name, args }) => name === "openat" && args.what?.endsWith("/none"),
      );
      t.strictSame(
        opened.map(({ args }) => args.what),
        [`${pathOf(read)}/none`],
      );
    }
  },
  ONLY,
);
