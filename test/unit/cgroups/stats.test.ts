// Statistics from the text of cgroup files, in the shape of runc's events.

import t from "tap";
import {
  parseCounter,
  parseHugepageSizes,
  parseNumberList,
  parsePressure,
} from "../../../src/cgroups/stats/parse.ts";
import { statsV1 } from "../../../src/cgroups/stats/v1.ts";
import { statsV2 } from "../../../src/cgroups/stats/v2.ts";
import { parseDuration } from "../../../src/cli/duration.ts";
import { formatEvent } from "../../../src/cli/format-event.ts";

const MAX = 18446744073709551615n;

function from(files: Readonly<Record<string, string>>, hugepageSizes: readonly string[] = []) {
  return { read: (_controller: string, file: string) => files[file], hugepageSizes };
}

t.test("v1", (test) => {
  const stats = statsV1(
    from(
      {
        "cpuacct.usage": "123456789012345678\n",
        "cpuacct.usage_percpu": "1 2 \n",
        "cpuacct.usage_all": "cpu user system\n0 10 20\n1 30 40\n",
        "cpuacct.stat": "user 3\nsystem 4\n",
        "cpu.stat": "nr_periods 5\nnr_throttled 6\nthrottled_time 7\n",
        "cpuset.cpus": "0-1,3\n",
        "cpuset.mems": "0\n",
        "cpuset.sched_relax_domain_level": "-1\n",
        "memory.stat": "cache 9\nactive_anon 8\n",
        "memory.usage_in_bytes": "100\n",
        "memory.max_usage_in_bytes": "200\n",
        "memory.limit_in_bytes": "9223372036854771712\n",
        "memory.failcnt": "1\n",
        "pids.current": "2\n",
        "pids.max": "max\n",
        "blkio.throttle.io_service_bytes": "8:0 Read 11\n8:0 Total 11\nTotal 11\n",
        "blkio.throttle.io_serviced": "8:0 Read 1\nTotal 1\n",
        "hugetlb.2MB.usage_in_bytes": "4\n",
        "hugetlb.2MB.max_usage_in_bytes": "5\n",
        "hugetlb.2MB.failcnt": "6\n",
      },
      ["2MB", "1GB"],
    ),
  );
  test.strictSame(stats.cpu.usage, {
    total: 123456789012345678n,
    percpu: [1n, 2n],
    percpu_kernel: [20n, 40n],
    percpu_user: [10n, 30n],
    kernel: 40_000_000n,
    user: 30_000_000n,
  });
  test.strictSame(stats.cpu.throttling, { periods: 5n, throttledPeriods: 6n, throttledTime: 7n });
  test.strictSame(stats.cpuset.cpus, [0, 1, 3]);
  test.equal(stats.cpuset.sched_relax_domain_level, -1n);
  test.strictSame(stats.memory.usage, { limit: 9223372036854771712n, usage: 100n, max: 200n, failcnt: 1n });
  test.strictSame(stats.memory.swap, { limit: 0n, usage: undefined, max: undefined, failcnt: 0n });
  test.strictSame(Object.keys(stats.memory.raw ?? {}), ["active_anon", "cache"], "in order");
  test.strictSame(stats.pids, { current: 2n, limit: undefined });
  test.strictSame(stats.blkio.ioServiceBytesRecursive, [
    { major: 8n, minor: undefined, op: "Read", value: 11n },
    { major: 8n, minor: undefined, op: "Total", value: 11n },
  ]);
  test.equal(stats.blkio.sectorsRecursive, undefined);
  test.strictSame(stats.hugetlb, { "2MB": { usage: 4n, max: 5n, failcnt: 6n } });
  test.end();
});

t.test("v2, in v1's shape", (test) => {
  const stats = statsV2(
    from(
      {
        "cpu.stat": "usage_usec 7\nuser_usec 3\nsystem_usec 4\nnr_periods 1\nthrottled_usec 2\n",
        "cpu.pressure":
          "some avg10=1.50 avg60=0.20 avg300=0.00 total=9\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
        "memory.stat": "file 9\nanon 8\n",
        "memory.current": "100\n",
        "memory.max": "400\n",
        "memory.swap.current": "20\n",
        "memory.swap.max": "max\n",
        "pids.current": "2\n",
        "pids.max": "10\n",
        "io.stat": "8:16 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0\n",
        "hugetlb.2MB.current": "4\n",
        "hugetlb.2MB.events": "max 6\n",
      },
      ["2MB"],
    ),
  );
  test.equal(stats.cpu.usage.total, 7000n);
  test.equal(stats.cpu.throttling.throttledTime, 2000n);
  test.strictSame(stats.cpu.psi?.some, { avg10: 1.5, avg60: 0.2, avg300: 0, total: 9n });
  test.equal(stats.memory.cache, 9n);
  test.strictSame(stats.memory.swap, { limit: MAX, usage: 120n, max: undefined, failcnt: 0n });
  test.strictSame(stats.pids, { current: 2n, limit: 10n });
  test.strictSame(stats.blkio.ioServicedRecursive, [
    { major: 8n, minor: 16n, op: "Read", value: 3n },
    { major: 8n, minor: 16n, op: "Write", value: 4n },
  ]);
  test.strictSame(stats.hugetlb, { "2MB": { usage: 4n, max: undefined, failcnt: 6n } });
  test.equal(stats.memory.psi, undefined, "no pressure file");
  test.end();
});

t.test("a cgroup without any file is all zeroes", (test) => {
  for (const stats of [statsV1(from({})), statsV2(from({}))]) {
    test.match(
      formatEvent({ data: stats }),
      /^\{"data":\{"cpu":\{"usage":\{"kernel":0,"user":0\},"throttling":\{\}\},/,
    );
  }
  test.end();
});

t.test("formats", (test) => {
  test.equal(parseCounter("max\n"), MAX);
  test.equal(parseCounter("-5"), 0n);
  test.strictSame(parseNumberList("\n"), undefined);
  test.equal(parsePressure(undefined), undefined);
  test.strictSame(parseHugepageSizes(["hugepages-2048kB", "hugepages-1048576kB", "hugepages-64kB", "x"]), [
    "2MB",
    "1GB",
    "64KB",
  ]);
  test.equal(
    formatEvent({ a: MAX, b: [1n, undefined], c: undefined, d: null }),
    `{"a":${MAX},"b":[1,null],"d":null}\n`,
  );
  test.end();
});

t.test("durations", (test) => {
  const cases: Readonly<Record<string, number>> = {
    "5s": 5000,
    "1m30s": 90_000,
    "250ms": 250,
    "1.5h": 5_400_000,
    "-1s": -1000,
    0: 0,
  };
  for (const [text, ms] of Object.entries(cases)) test.equal(parseDuration("interval", text), ms, text);
  for (const text of ["", "5", "s", "5x", "5s5", "1 s"]) {
    test.throws(() => parseDuration("interval", text), { message: /parse error/ }, JSON.stringify(text));
  }
  test.end();
});
