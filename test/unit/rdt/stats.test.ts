// The output of `events` for a group, from files in the kernel's format.

import t from "tap";
import { recordOf } from "../../../src/rdt/group.ts";
import { planRdt } from "../../../src/rdt/plan.ts";
import { type ResctrlReader, rdtStats } from "../../../src/rdt/stats.ts";
import type { IntelRdt } from "../../../src/spec/types.ts";

const FILES: Readonly<Record<string, string>> = {
  "/r/schemata": "    MB:0=100\n    L3:0=fff\n",
  "/r/info/L3/cbm_mask": "fff\n",
  "/r/info/L3/min_cbm_bits": "2\n",
  "/r/info/L3/num_closids": "16\n",
  "/r/info/MB/bandwidth_gran": "10\n",
  "/r/info/MB/delay_linear": "1\n",
  "/r/info/MB/min_bandwidth": "10\n",
  "/r/info/MB/num_closids": "8\n",
  "/r/info/L3_MON/mon_features": "llc_occupancy\nmbm_total_bytes\nmbm_local_bytes\n",
  "/r/box/schemata": "    MB:0=20\n    L3:0=f\n",
  "/r/box/mon_data/mon_L3_00/llc_occupancy": "81920\n",
  "/r/box/mon_data/mon_L3_00/mbm_total_bytes": "18446744073709551615\n",
  "/r/box/mon_data/mon_L3_00/mbm_local_bytes": "Unavailable\n",
  "/r/box/mon_groups/box/mon_data/mon_L3_00/llc_occupancy": "7\n",
  "/r/box/mon_groups/box/mon_data/mon_L3_00/mbm_total_bytes": "8\n",
  "/r/box/mon_groups/box/mon_data/mon_L3_00/mbm_local_bytes": "9\n",
};

function stats(rdt: IntelRdt, without: RegExp = /$^/): ReturnType<typeof rdtStats> {
  const files = Object.entries(FILES).filter(([path]) => !without.test(path));
  const reader: ResctrlReader = {
    root: "/r",
    read: (path) => files.find(([name]) => name === path)?.[1],
    directories: (path) => [
      ...new Set(
        files
          .filter(([name]) => name.startsWith(`${path}/`))
          .map(([name]) => name.slice(path.length + 1).split("/"))
          .filter((parts) => parts.length > 1)
          .map(([first = ""]) => first),
      ),
    ],
  };
  const tree = {
    ...reader,
    exists: () => true,
    makeDirectory: () => 0,
    removeDirectory: () => 0,
    write: () => 0,
  };
  return rdtStats(reader, recordOf(tree, planRdt(rdt, "box")));
}

t.test("caches, bandwidth and what is monitored, in runc's names", async (t) => {
  t.strictSame(stats({}), {
    l3_cache_info: { cbm_mask: "fff", min_cbm_bits: 2n, num_closids: 16n },
    l3_cache_schema_root: "L3:0=fff",
    l3_cache_schema: "L3:0=f",
    mem_bw_info: { bandwidth_gran: 10n, delay_linear: 1n, min_bandwidth: 10n, num_closids: 8n },
    mem_bw_schema_root: "MB:0=100",
    mem_bw_schema: "MB:0=20",
    mbm_stats: [{ mbm_total_bytes: 18446744073709551615n, mbm_local_bytes: 0n }],
    cmt_stats: [{ llc_occupancy: 81920n }],
  });
});

t.test("a monitoring group of its own tells of the container alone", async (t) => {
  t.match(stats({ enableMonitoring: true }), {
    mbm_stats: [{ mbm_total_bytes: 8n, mbm_local_bytes: 9n }],
    cmt_stats: [{ llc_occupancy: 7n }],
  });
});

t.test("what the machine lacks is left out", async (t) => {
  t.strictSame(stats({}, /L3_MON|info\/MB|info\/L3/), {});
  t.notOk("mbm_stats" in stats({}, /L3_MON/));
});
