// How a write is undone, from the file's old content.

import t from "tap";
import { restoring } from "../../../src/cgroups/restore.ts";

/** file, the value written, the old content, the value that restores it */
const CASES: readonly (readonly [string, string, string, string | undefined])[] = [
  ["memory.limit_in_bytes", "4096", "9223372036854771712\n", "9223372036854771712"],
  ["cpu.max", "5000 10000", "max 100000\n", "max 100000"],
  ["pids.max", "7", "max\n", "max"],
  ["cpuset.cpus", "0", "0-1\n", "0-1"],
  ["memory.oom_control", "1", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n", "0"],
  ["io.weight", "200", "default 100\n8:0 50\n", "100"],
  [
    "io.max",
    "8:0 rbps=1",
    "8:0 rbps=9 wbps=max riops=max wiops=max\n",
    "8:0 rbps=9 wbps=max riops=max wiops=max",
  ],
  ["io.max", "8:0 rbps=1", "8:16 rbps=9 wbps=max\n", "8:0 rbps=max wbps=max riops=max wiops=max"],
  ["io.max", "8:0 rbps=1", "", "8:0 rbps=max wbps=max riops=max wiops=max"],
  ["blkio.throttle.read_bps_device", "8:0 1", "8:0 55\n8:16 66\n", "8:0 55"],
  ["blkio.throttle.read_bps_device", "8:0 1", "", "8:0 0"],
  [
    "rdma.max",
    "mlx4_0 hca_handle=2",
    "mlx4_0 hca_handle=max hca_object=9\n",
    "mlx4_0 hca_handle=max hca_object=9",
  ],
  ["rdma.max", "mlx4_0 hca_handle=2", "mlx5_0 hca_handle=1\n", "mlx4_0 hca_handle=max hca_object=max"],
  ["io.bfq.weight", "8:0 200", "default 100\n8:16 50\n", "8:0 default"],
  ["io.weight", "8:0 200", "default 100\n8:0 50\n", "8:0 50"],
  ["io.weight", "8:0 200", "default 100\n8:01 50\n", "8:0 default"],
  ["io.latency", "8:0 target=5", "", "8:0 target=0"],
  ["net_prio.ifpriomap", "eth1 5", "lo 0\n", "eth1 0"],
  ["net_prio.ifpriomap", "lo 5", "lo 0\neth0 3\n", "lo 0"],
  ["cpu.something", "1", "a 1\nb 2\n", undefined],
];

for (const [file, value, before, expected] of CASES) {
  t.test(`${file} after "${value}"`, (test) => {
    test.equal(restoring({ file, value }, before)?.value, expected);
    test.end();
  });
}
