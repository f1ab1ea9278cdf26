// The limits of a container beside the files of its cgroup.

import t from "tap";
import type { CgroupRecord } from "../../../src/cgroups/record.ts";
import { compareLimits } from "../../../src/diff/limits.ts";
import type { Resources } from "../../../src/spec/types.ts";

const V2: CgroupRecord = { driver: "v2", paths: { "": "/c" }, created: [] };
const V1: CgroupRecord = { driver: "v1", paths: { memory: "/m", pids: "/p", cpu: "/q" }, created: [] };

function compared(record: CgroupRecord, resources: Resources, files: Record<string, string>): string[] {
  const read = (directory: string, file: string) => files[`${directory}/${file}`];
  return compareLimits(record, resources, read).map(
    ({ what, asked, found, controller }) => `${controller} ${what}: ${asked} -> ${found}`,
  );
}

t.test("each file is read in the directory of its controller", async (t) => {
  const resources = { memory: { limit: 4096 * 16 }, pids: { limit: 5 } };
  const files = { "/m/memory.limit_in_bytes": "65536\n", "/p/pids.max": "6\n" };
  t.strictSame(compared(V1, resources, files), ["pids pids.max: 5 -> 6"]);
});

t.test("no limit has words of its own", async (t) => {
  const files = { "/m/memory.limit_in_bytes": "9223372036854771712\n" };
  const line = "memory memory.limit_in_bytes: 65536 (64 KiB) -> no limit";
  t.strictSame(compared(V1, { memory: { limit: 65536 } }, files), [line]);
});

t.test("a file that is gone means that its controller is not enabled any more", async (t) => {
  t.strictSame(compared(V2, { pids: { limit: 5 } }, {}), ["pids pids.max: 5 -> no such file"]);
  t.strictSame(
    compared(V2, { memory: { limit: -1 } }, { "/c/memory.max": "max\n" }),
    [],
    "one that may be missing",
  );
});

t.test("of two files that may be written the one that is there counts", async (t) => {
  const resources = { blockIO: { weight: 500 } };
  t.strictSame(compared(V2, resources, { "/c/io.bfq.weight": "default 500\n" }), []);
  t.strictSame(compared(V2, resources, { "/c/io.weight": "default 4950\n" }), []);
  t.strictSame(compared(V2, resources, { "/c/io.weight": "default 100\n" }), ["io io.weight: 4950 -> 100"]);
});

t.test("the later of two writes to one value counts", async (t) => {
  const resources = { memory: { limit: 65536 }, unified: { "memory.max": "131072" } };
  t.strictSame(compared(V2, resources, { "/c/memory.max": "131072\n" }), []);
  const line = "unified memory.max: 131072 (128 KiB) -> 65536 (64 KiB)";
  t.strictSame(compared(V2, resources, { "/c/memory.max": "65536\n" }), [line]);
});

t.test("each value of a line is compared by itself", async (t) => {
  const resources = { unified: { "io.max": "8:0 rbps=1 wiops=2\n8:0 rbps=max" } };
  t.strictSame(compared(V2, resources, { "/c/io.max": "8:0 rbps=max wbps=max riops=max wiops=2\n" }), []);
});

t.test("an idle cgroup has no weight", async (t) => {
  const resources = { cpu: { idle: 1 }, unified: { "cpu.weight": "50" } };
  t.strictSame(compared(V2, resources, { "/c/cpu.idle": "1\n", "/c/cpu.weight": "0\n" }), []);
});

t.test("systemd rounds quotas, and the file gets the rounded one", async (t) => {
  const cpu = { quota: 33_333, period: 100_000 };
  const unit = { name: "x.scope", user: false };
  t.strictSame(compared({ ...V2, unit }, { cpu }, { "/c/cpu.max": "34000 100000\n" }), []);
  t.strictSame(compared(V2, { cpu }, { "/c/cpu.max": "33333 100000\n" }), []);
});

t.test("a container without a cgroup has no limits", async (t) => {
  t.strictSame(compared({ driver: "none", paths: {}, created: [] }, { pids: { limit: 5 } }, {}), []);
});
