// `diff` and the privileges of the first process: capabilities, no_new_privs, seccomp. From outside nobody
// can change those of a process, so the configuration that was saved with the container is changed. What a
// program gives up itself is told apart.

import { readFileSync } from "node:fs";
import { behaviour, type Condition, refused, tsrunOnly } from "../support/behaviour.ts";
import { addProgram, needsCompiler } from "../support/compile.ts";
import type { Config } from "../support/config.ts";
import { mustSucceed } from "../support/container.ts";
import { askFor, diff, sleeping, told, toldApart } from "../support/drift.ts";
import { until } from "../support/wait.ts";
import { missingCalls } from "../support/without.ts";

const ONLY_TSRUN = tsrunOnly("has no diff command");

function give(config: Config, names: readonly string[]): void {
  config.process.capabilities = {
    bounding: [...names],
    permitted: [...names],
    effective: [...names],
  };
}

const ALLOWS_ALL = {
  defaultAction: "SCMP_ACT_ALLOW",
  syscalls: [{ names: ["swapon"], action: "SCMP_ACT_ERRNO" }],
};

interface Drift {
  readonly name: string;
  readonly made: (config: Config) => void;
  readonly asked: (config: Config) => void;
  /** What the kernel says of the process. */
  readonly status: RegExp;
  readonly told?: readonly string[];
  readonly apart?: readonly string[];
}

const DRIFTS: readonly Drift[] = [
  {
    name: "capabilities that nobody asked for count",
    made: (config) => give(config, ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"]),
    asked: (config) => give(config, ["CAP_KILL"]),
    status: /^CapPrm:\t0{12}2021$/m,
    told: ["bounding", "permitted", "effective"].map(
      (set) => `process ${set} capabilities: without them -> also CAP_CHOWN, CAP_NET_RAW`,
    ),
  },
  {
    name: "capabilities that are missing do not count, since a program may give them up",
    made: (config) => give(config, ["CAP_KILL"]),
    asked: (config) => give(config, ["CAP_CHOWN", "CAP_KILL"]),
    status: /^CapBnd:\t0{14}20$/m,
    apart: ["bounding", "permitted", "effective"].map(
      (set) => `process ${set} capabilities: with CAP_CHOWN -> without CAP_CHOWN`,
    ),
  },
  {
    name: "no_new_privs that is off counts",
    made: (config) => {
      config.process.noNewPrivileges = false;
    },
    asked: (config) => {
      config.process.noNewPrivileges = true;
    },
    status: /^NoNewPrivs:\t0$/m,
    told: ["process no_new_privs: on -> off"],
  },
  {
    name: "a seccomp filter that is missing counts",
    made: () => {},
    asked: (config) => {
      config.linux.seccomp = ALLOWS_ALL;
    },
    status: /^Seccomp:\t0$/m,
    told: ["process seccomp: 1 filter -> no filter (mode 0)"],
  },
  {
    name: "a seccomp filter too many does not count, since a program may set one",
    made: (config) => {
      config.linux.seccomp = ALLOWS_ALL;
    },
    asked: (config) => {
      delete config.linux.seccomp;
    },
    status: /^Seccomp:\t2$/m,
    apart: ["process seccomp: no filter -> 1 filter"],
  },
];

/** A filter of the host's, or the one that takes calls from the runtime, is the container's, too. */
const isFiltered =
  missingCalls.length > 0 || /^Seccomp:\t[12]$/m.test(readFileSync("/proc/self/status", "utf8"));
const notFiltered: Condition = isFiltered ? "the tests run under a seccomp filter" : undefined;

for (const { name, made, asked, status, told: counts = [], apart = [] } of DRIFTS) {
  behaviour(
    name,
    async (t, lab) => {
      const { box, pid } = await sleeping(lab, made);
      t.match(readFileSync(`/proc/${pid}/status`, "utf8"), status);
      t.strictSame((await diff(box)).differences, [], "nothing before");
      askFor(box, asked);
      const report = await diff(box);
      t.strictSame([told(report), toldApart(report)], [counts, apart]);
      const differs = counts.length > 0;
      t.strictSame([report.code, report.differs], [differs ? 1 : 0, differs]);
      for (const { costs, next } of report.differences) t.ok(costs.length > 10 && next.length > 10);
      const fixed = await diff(box, { flags: ["--fix"] });
      t.strictSame([told(fixed), fixed.written], [counts, []], "nobody can mend that");
    },
    ONLY_TSRUN,
    /seccomp/.test(name) ? notFiltered : undefined,
  );
}

behaviour(
  "privileges that a program gives up, and a filter that it sets itself, are told apart",
  async (t, lab) => {
    const box = lab.container((config) => {
      give(config, ["CAP_KILL", "CAP_SETPCAP"]);
      config.process.noNewPrivileges = false;
    });
    box.config.process.args = [addProgram(lab, box, "test/support/gives-up.c")];
    box.writeConfig();
    mustSucceed(await box.create());
    t.strictSame((await diff(box)).differences, [], "before it runs");
    mustSucceed(await box.start());
    await until("it to give them up", () => box.output() === "up\n");
    const report = await diff(box);
    t.strictSame([report.code, report.differs, told(report)], [0, false, []]);
    t.strictSame(toldApart(report), [
      ...["bounding", "permitted", "effective"].map(
        (set) => `process ${set} capabilities: with CAP_KILL -> without CAP_KILL`,
      ),
      "process no_new_privs: off -> on",
      "process seccomp: no filter -> 1 filter",
    ]);
    mustSucceed(await box.kill("KILL"));
    await box.waitForStatus("stopped");
    refused(t, await lab.invoke(["diff", box.id]), /container not running/, 2);
  },
  needsCompiler,
  notFiltered,
  ONLY_TSRUN,
);
