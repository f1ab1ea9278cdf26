// Everything in a configuration is in its explanation: tested with a configuration that has a distinct value
// in every place, on a host with cgroup v2 and on one with v1.

import t from "tap";
import { CAPABILITY_WORDS } from "../../../src/explain/capabilities.ts";
import type { Section } from "../../../src/explain/model.ts";
import { CAPABILITY_NAMES } from "../../../src/linux/numbers/capabilities.ts";
import { describe, FULL, V1, V2 } from "../../support/explained.ts";

const SAID = [
  ...["the-host", "the-domain", "/b/rootfs", "the-program the-argument", "/the/directory", "the-value"],
  ...["4711", "4712", "4713", "027", "the-profile", "the-label", "777", "1111", "2222", "CAP_KILL"],
  ...["SCHED_BATCH", "nice 13", "IOPRIO_CLASS_IDLE 3", "noexec", "size=3m", "the-tmpfs", "/the/source"],
  ...["rshared", "it and all below: ro", "/the/hook hook-argument", "9 s", "/cg/the-group", "/the/namespace"],
  ...[
    "5 to 14",
    "6000 to 6009",
    "8000",
    "3600 s",
    "net.the.key",
    "the-number",
    "/dev/mine",
    "10:229",
    "0640",
  ],
  ...[
    "44:55",
    "/masked/path",
    "/readonly/path",
    "the-mount-label",
    "LINUX32",
    "eth7",
    "inside7",
    "the-class",
  ],
  ...["L3:0=f", "ends the process", "arm", "thecall", "fails with errno 99", "333000000 (317.6 MiB)", "444"],
  ...["55500 66600", "block 88:99", "memory.high", "12345", "_ses.the-id", "read-only"],
];

t.test("everything that is asked for is said", async (t) => {
  const text = JSON.stringify(describe(FULL)).replaceAll('\\"', '"');
  for (const said of SAID) t.ok(text.includes(said), said);
});

t.test("topics come in one order, each once, with every column filled in", async (t) => {
  const topics = describe(FULL).map(({ topic }) => topic);
  t.equal(new Set(topics).size, topics.length);
  t.strictSame(topics.slice(0, 4), ["cgroup", "namespaces", "ids", "clocks"]);
  t.equal(topics.at(-1), "command");
  for (const { table, topic } of describe(FULL)) {
    for (const row of table?.rows ?? []) {
      for (const [key] of table?.columns ?? []) t.type(row[key], "string", `${topic} ${key}`);
    }
  }
});

t.test("paragraphs are sentences, and titles say what they are about", async (t) => {
  for (const { title, text, notes = [] } of describe(FULL)) {
    t.match(title, /^[A-Z][^.]*$/);
    for (const one of [...text, ...notes]) t.match(one, /[.:]$|execve\(2\): /, one);
  }
});

t.test("limits are said with the file of the host's hierarchy", async (t) => {
  const filesOf = (sections: readonly Section[]) =>
    sections.find(({ topic }) => topic === "limits")?.table?.rows.map(({ file }) => file);
  const { unified: _, ...resources } = FULL.linux?.resources ?? {};
  const spec = { ...FULL, linux: { ...FULL.linux, resources } };
  t.strictSame(filesOf(describe(spec, V1)), [
    "/cg/memory/the-group/memory.limit_in_bytes",
    "/cg/cpu/the-group/cpu.cfs_period_us",
    "/cg/cpu/the-group/cpu.cfs_quota_us",
    "/cg/pids/the-group/pids.max",
  ]);
  t.strictSame(filesOf(describe(spec, V2)), [
    "/cg/the-group/pids.max",
    "/cg/the-group/memory.max",
    "/cg/the-group/cpu.max",
  ]);
  const weight = { ...FULL, linux: { ...FULL.linux, resources: { blockIO: { weight: 500 } } } };
  t.strictSame(filesOf(describe(weight)), ["/cg/the-group/io.bfq.weight"]);
  t.strictSame(filesOf(describe(weight, V2, ["io.bfq.weight"])), ["/cg/the-group/io.weight"]);
  t.strictSame(filesOf(describe(weight, V1, ["blkio.weight"])), ["/cg/blkio/the-group/blkio.bfq.weight"]);
});

t.test("a bare configuration is explained too", async (t) => {
  const sections = describe({ ociVersion: "1.0.0", root: { path: "r" }, process: { cwd: "/", args: ["x"] } });
  const topics = sections.map(({ topic }) => topic);
  for (const topic of ["hooks", "ids", "paths", "rlimits", "rdt"]) t.notOk(topics.includes(topic), topic);
  t.match(JSON.stringify(sections), "None are asked for");
  t.match(JSON.stringify(sections), "There is no profile");
});

t.test("every capability has words", async (t) => {
  t.strictSame(Object.keys(CAPABILITY_WORDS), [...CAPABILITY_NAMES]);
});
