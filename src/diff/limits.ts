// Compares the limits that `create` and `update` write with what the files of the cgroup show. Pure: the
// caller passes a function that reads a file.

import { planLimitsV1, planLimitsV2 } from "../cgroups/limits.ts";
import type { CgroupRecord } from "../cgroups/record.ts";
import { roundQuota } from "../cgroups/systemd/cpu-properties.ts";
import type { CgroupWrite } from "../cgroups/writes.ts";
import { inUnits } from "../explain/model.ts";
import type { Resources } from "../spec/types.ts";
import { compareValue, isEndless, type Verdict } from "./limit-values.ts";
import type { Difference } from "./model.ts";

/** The text of a file in a directory; `undefined` if there is none. */
export type ReadLimit = (directory: string, file: string) => string | undefined;

/** A value that was written. A later write to the same value replaces it, whatever its controller. */
interface WrittenLimit {
  readonly controller: string;
  readonly directory: string;
  readonly write: CgroupWrite;
}

export function compareLimits(
  { driver, paths, unit }: CgroupRecord,
  resources: Resources,
  read: ReadLimit,
): Difference[] {
  if (driver === "none") return [];
  // systemd rounds a quota before it writes the file.
  const { cpu } = resources;
  const written =
    unit === undefined || cpu === undefined ? resources : { ...resources, cpu: roundQuota(cpu) };
  const asked = new Map<string, WrittenLimit>();
  for (const { controller, writes } of driver === "v2" ? planLimitsV2(written) : planLimitsV1(written)) {
    const directory = paths[driver === "v2" ? "" : controller];
    if (directory === undefined) continue;
    for (const write of writes.flatMap(onePair)) asked.set(keyOf(write), { controller, directory, write });
  }
  if (asked.get("cpu.idle")?.write.value === "1") asked.delete(WEIGHT);
  return [...asked.values()].flatMap((one) => compareOne(one, read));
}

/** Splits `8:0 rbps=1 wiops=2` into two writes, since a later write may change only one of the two. */
function onePair(write: CgroupWrite): CgroupWrite[] {
  const [device = "", ...pairs] = write.value.split(" ");
  if (pairs.length < 2 || !pairs.every((pair) => pair.includes("="))) return [write];
  return pairs.map((pair) => ({ ...write, value: `${device} ${pair}` }));
}

/** Identifies what a write sets: a file, or the entry of a device in it. */
function keyOf({ file, value }: CgroupWrite): string {
  const name = SAME_SETTING[file] ?? file;
  const [first = "", second = ""] = value.split(" ");
  const isEntry = /^\d+:\d+$/.test(first) || file === "net_prio.ifpriomap" || second.includes("=");
  return isEntry ? `${name} ${first} ${second.replace(/[^=]*$/, "")}` : name;
}

/** An idle cgroup has no weight. */
const WEIGHT = "cpu.weight";

/** Files that set the same value as another. */
const SAME_SETTING: Readonly<Record<string, string>> = { "cpu.weight.nice": WEIGHT, "cpu.shares": WEIGHT };

function compareOne({ controller, directory, write }: WrittenLimit, read: ReadLimit): Difference[] {
  const there = findThere(directory, write, read);
  if (there === undefined)
    return write.tolerate?.includes("ENOENT") === true ? [] : [gone(controller, write)];
  const { file, value } = there.write;
  const { verdict, found } = compareValue(file, value, there.text);
  if (verdict === "same") return [];
  return [
    {
      topic: "limits",
      controller,
      what: file,
      asked: inWords(file, value),
      found: inWords(file, found),
      costs: costsOf(file, verdict),
      next: '"diff --fix" writes it again',
      fixable: true,
    },
  ];
}

interface There {
  readonly write: CgroupWrite;
  readonly text: string;
}

/** The first of the alternative files that this kernel has. */
function findThere(directory: string, write: CgroupWrite, read: ReadLimit): There | undefined {
  const text = read(directory, write.file);
  if (text !== undefined) return { write, text };
  return write.otherwise === undefined ? undefined : findThere(directory, write.otherwise, read);
}

function gone(controller: string, { file, value }: CgroupWrite): Difference {
  return {
    topic: "limits",
    controller,
    what: file,
    asked: inWords(file, value),
    found: "no such file",
    costs: "nothing limits it: its controller is not enabled here any more",
    next: "enable the controller in cgroup.subtree_control of each cgroup above, then use diff --fix",
  };
}

function costsOf(file: string, verdict: Verdict): string {
  if (verdict === "other") return "the limit is not the one that was asked for";
  if (verdict === "more") return "it may use more than was asked for";
  if (/^memory\.(max|limit_in_bytes)$/.test(file)) return "it runs out of memory sooner";
  return file === "pids.max" ? "it can start fewer processes" : "it gets less than was asked for";
}

/** Adds units to bytes: `67108864 (64 MiB)`. */
function inWords(file: string, value: string): string {
  if (!/^memory\..*(max|min|low|high|bytes)$|^hugetlb\./.test(file)) return value;
  if (isEndless(value)) return "no limit";
  const units = inUnits(Number(value));
  return units === undefined ? value : `${value} (${units})`;
}
