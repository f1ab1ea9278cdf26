// The statistics of a container's resctrl group in the form that `events` prints: runc's names, which
// monitoring tools read (runc: types/events.go). Pure.

import type { RdtRecord } from "../spec/types.ts";

/** Counters are bigints: a JavaScript number cannot hold them. */
export interface RdtStats {
  readonly l3_cache_info?: Readonly<Record<string, string | bigint>>;
  readonly l3_cache_schema_root?: string;
  readonly l3_cache_schema?: string;
  readonly mem_bw_info?: Readonly<Record<string, bigint>>;
  readonly mem_bw_schema_root?: string;
  readonly mem_bw_schema?: string;
  /** One for each level 3 cache. */
  readonly mbm_stats?: readonly Readonly<Record<string, bigint>>[];
  readonly cmt_stats?: readonly Readonly<Record<string, bigint>>[];
}

export interface ResctrlReader {
  /** Where resctrl is mounted. */
  readonly root: string;
  /** `undefined` if there is no such file. */
  read(path: string): string | undefined;
  /** The names of the directories in one; none if it does not exist. */
  directories(path: string): readonly string[];
}

const BANDWIDTH = ["mbm_total_bytes", "mbm_local_bytes"];
const OCCUPANCY = "llc_occupancy";

export function rdtStats(reader: ResctrlReader, { schemata, tasks }: RdtRecord): RdtStats {
  const info = `${reader.root}/info`;
  const there = reader.directories(info);
  const root = reader.read(`${reader.root}/schemata`) ?? "";
  const own = reader.read(schemata) ?? "";
  return {
    ...(there.includes("L3")
      ? {
          l3_cache_info: {
            cbm_mask: reader.read(`${info}/L3/cbm_mask`)?.trim() ?? "",
            ...numbers(reader, `${info}/L3`, ["min_cbm_bits", "num_closids"]),
          },
          l3_cache_schema_root: lineOf(root, "L3"),
          l3_cache_schema: lineOf(own, "L3"),
        }
      : {}),
    ...(there.includes("MB")
      ? {
          mem_bw_info: numbers(reader, `${info}/MB`, [
            "bandwidth_gran",
            "delay_linear",
            "min_bandwidth",
            "num_closids",
          ]),
          mem_bw_schema_root: lineOf(root, "MB"),
          mem_bw_schema: lineOf(own, "MB"),
        }
      : {}),
    // The last group that its processes are in: its own monitoring group, if it has one.
    ...monitored(reader, info, tasks.at(-1) ?? ""),
  };
}

function monitored(
  reader: ResctrlReader,
  info: string,
  tasks: string,
): Pick<RdtStats, "mbm_stats" | "cmt_stats"> {
  const features = (reader.read(`${info}/L3_MON/mon_features`) ?? "").split("\n");
  const bandwidth = BANDWIDTH.filter((feature) => features.includes(feature));
  const data = `${tasks.slice(0, tasks.lastIndexOf("/"))}/mon_data`;
  const caches = reader.directories(data).map((name) => `${data}/${name}`);
  return {
    ...(bandwidth.length > 0
      ? {
          mbm_stats: caches.map((cache) => ({
            mbm_total_bytes: 0n,
            mbm_local_bytes: 0n,
            ...numbers(reader, cache, bandwidth),
          })),
        }
      : {}),
    ...(features.includes(OCCUPANCY)
      ? { cmt_stats: caches.map((cache) => numbers(reader, cache, [OCCUPANCY])) }
      : {}),
  };
}

function numbers(reader: ResctrlReader, directory: string, files: readonly string[]): Record<string, bigint> {
  return Object.fromEntries(files.map((file) => [file, number(reader.read(`${directory}/${file}`))]));
}

/** A counter; the kernel writes "Unavailable" before it has counted. */
function number(text = ""): bigint {
  const digits = text.trim();
  return /^\d+$/.test(digits) ? BigInt(digits) : 0n;
}

function lineOf(schemata: string, resource: string): string {
  const lines = schemata.split("\n").map((line) => line.trim());
  return lines.find((line) => line.startsWith(`${resource}:`)) ?? "";
}
