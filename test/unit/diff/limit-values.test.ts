// Whether a cgroup file shows what was written to it.

import t from "tap";
import { compareValue, isEndless } from "../../../src/diff/limit-values.ts";

const SAME: readonly (readonly [file: string, value: string, shown: string])[] = [
  ["memory.max", "67108864", "67108864\n"],
  ["memory.max", "67109000", "67108864\n"],
  ["memory.max", "64M", "67108864\n"],
  ["memory.max", "100000", "65536\n"],
  ["memory.max", "max", "max\n"],
  ["memory.limit_in_bytes", "-1", "9223372036854771712\n"],
  ["memory.memsw.limit_in_bytes", "9223372036854775807", "9223372036854771712\n"],
  ["memory.swap.max", "0", "0\n"],
  ["memory.oom_control", "1", "oom_kill_disable 1\nunder_oom 0\noom_kill 0\n"],
  ["memory.swappiness", "60", "60\n"],
  ["memory.oom.group", "1", "1\n"],
  ["hugetlb.2MB.max", "3000000", "2097152\n"],
  ["hugetlb.1GB.limit_in_bytes", "18446744073709551615", "9223372035781033984\n"],
  ["cpuset.cpus", "0,1,2", "0-2\n"],
  ["cpuset.cpus", "0-7:1/2", "0,2,4,6\n"],
  ["cpuset.mems", "", "\n"],
  ["cpu.max", "50000 100000", "50000 100000\n"],
  ["cpu.max", "50000", "50000 100000\n"],
  ["cpu.max", "max 100000", "max 100000\n"],
  ["cpu.cfs_quota_us", "-5", "-1\n"],
  ["cpu.uclamp.min", "10", "10.00\n"],
  ["pids.max", "max", "max\n"],
  ["io.weight", "300", "default 300\n8:0 50\n"],
  ["io.bfq.weight", "default 80", "default 80\n7:7 900\n"],
  ["io.bfq.weight", "7:7 900", "default 80\n7:7 900\n"],
  ["io.max", "8:0 rbps=1048576", "8:0 rbps=1048576 wbps=max riops=max wiops=120\n"],
  ["io.max", "8:0 wbps=max", ""],
  ["io.max", "8:0 wiops=5000000000", "8:0 rbps=max wbps=max riops=max wiops=max\n"],
  ["blkio.throttle.read_bps_device", "8:0 1048576", "8:0 1048576\n"],
  ["blkio.throttle.read_bps_device", "8:0 0", "\n"],
  ["rdma.max", "mlx5_0 hca_handle=2", "mlx5_0 hca_handle=2 hca_object=max\n"],
  ["net_prio.ifpriomap", "lo 5", "lo 5\neth0 0\n"],
  ["cgroup.freeze", "1", "0\n"],
  ["memory.reclaim", "1M", ""],
];

for (const [file, value, shown] of SAME) {
  t.test(`${file} "${value}" is in force in ${JSON.stringify(shown)}`, async (t) => {
    t.equal(compareValue(file, value, shown).verdict, "same");
  });
}

const OTHER: readonly (readonly [file: string, value: string, shown: string, verdict: string])[] = [
  ["memory.max", "67108864", "134217728\n", "more"],
  ["memory.max", "67108864", "max\n", "more"],
  ["memory.max", "max", "4096\n", "less"],
  ["memory.limit_in_bytes", "-1", "67108864\n", "less"],
  ["memory.max", "67108864", "67104768\n", "less"],
  ["memory.oom_control", "1", "oom_kill_disable 0\nunder_oom 0\n", "less"],
  ["cpuset.cpus", "0-1", "0-3\n", "more"],
  ["cpuset.cpus", "0-1", "0\n", "less"],
  ["cpuset.cpus", "0", "1\n", "other"],
  ["cpu.max", "50000 100000", "max 100000\n", "more"],
  ["pids.max", "50", "7\n", "less"],
  ["io.weight", "300", "default 100\n", "less"],
  ["io.max", "8:0 rbps=1048576", "", "more"],
  ["io.max", "8:0 rbps=1048576", "8:0 rbps=max wbps=max\n", "more"],
  ["io.max", "8:0 rbps=1048576", "8:0 rbps=1000 wbps=max\n", "less"],
  ["blkio.throttle.read_bps_device", "8:0 1048576", "\n", "more"],
  ["blkio.throttle.read_bps_device", "8:0 0", "8:0 77\n", "more"],
  ["cpuset.cpus.partition", "root", "member\n", "other"],
  ["cgroup.pressure", "0", "1\n", "more"],
];

for (const [file, value, shown, verdict] of OTHER) {
  t.test(`${file} "${value}" is not in force in ${JSON.stringify(shown)}: ${verdict}`, async (t) => {
    t.equal(compareValue(file, value, shown).verdict, verdict);
  });
}

t.test("what means no limit in bytes", async (t) => {
  for (const value of ["max", "-1", "9223372036854771712", "18446744073709551615"])
    t.ok(isEndless(value), value);
  for (const value of ["0", "67108864", "default 5"]) t.notOk(isEndless(value), value);
});
