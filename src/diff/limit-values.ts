// Decides whether a cgroup file shows what was written to it. The kernel prints values in its own form: whole
// pages, `max` for values that are too large, `default 100` for a weight, one line for each device. Pure.
// Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/.

import { TsrunError } from "../errors.ts";
import { parseList } from "../process/cpu-list.ts";

/** How the value that was found compares with the one asked for. */
export type Verdict = "same" | "more" | "less" | "other";

export interface Shown {
  readonly verdict: Verdict;
  /** The part of the file that is about this value. */
  readonly found: string;
}

/** Files that hold no setting: commands, events, and states that change at run time. */
const NO_SETTING = new RegExp(
  "^cgroup\\.(procs|threads|kill|freeze|type|subtree_control)$|" +
    "^(cpu|memory|io|irq)\\.pressure$|\\.peak$|\\.reclaim$",
);

const BYTES = /^memory\.(max|min|low|high|(swap|zswap)\.(max|high)|([a-z]+\.)*[a-z_]*limit_in_bytes)$/;
const HUGE = /^hugetlb\.(\d+)([KMG])B\./;
const LISTS = /^(cpuset\.)?(cpus|mems)(\.exclusive)?$/;
const WEIGHTS = /^(io|blkio)\.(bfq\.)?weight$/;
const DEVICE = /^\d+:\d+ /;
/** Files with a line for each device, or for each resource. */
const ENTRIES = /^(io\.(max|latency)|rdma\.max|misc\.max|dmem\.(max|low|min)|net_prio\.ifpriomap|.*_device)$/;
/** Files in which each negative value means no limit. */
const NEGATIVES = /^cpu\.(cfs_quota_us|rt_runtime_us)$/;

/** Compares the text of a file with the last value that was written to it. */
export function compareValue(file: string, value: string, text: string): Shown {
  const shown = text.trim();
  if (NO_SETTING.test(file)) return { verdict: "same", found: shown };
  if (ENTRIES.test(file) || DEVICE.test(value)) return compareEntry(value, shown);
  if (file === "memory.oom_control") {
    // `oom_kill_disable 0`, among other lines
    return words(value, shown.split("\n")[0]?.split(" ")[1] ?? "");
  }
  if (LISTS.test(file)) return lists(value, shown);
  if (WEIGHTS.test(file)) return words(withoutDefault(value), withoutDefault(shown.split("\n")[0] ?? ""));
  const huge = HUGE.exec(file);
  if (huge !== null) return bytes(value, shown, [BigInt(huge[1] ?? 1) * (UNITS[huge[2] ?? ""] ?? 1n)]);
  if (BYTES.test(file)) return bytes(value, shown, PAGES);
  if (NEGATIVES.test(file) && Number(value) < 0 && Number(shown) < 0)
    return { verdict: "same", found: shown };
  return words(value, shown);
}

const withoutDefault = (text: string): string => text.replace(/^default /, "");

/** The possible sizes of a page (arm64 has all three). */
const PAGES: readonly bigint[] = [4096n, 16384n, 65536n];

const UNITS: Readonly<Record<string, bigint>> = {
  K: 1n << 10n,
  M: 1n << 20n,
  G: 1n << 30n,
  T: 1n << 40n,
  P: 1n << 50n,
  E: 1n << 60n,
};

/** Values from here on mean no limit. The kernel's largest is PAGE_COUNTER_MAX pages, of whatever size. */
const ENDLESS = (1n << 63n) - (1n << 31n);

/** Whether a number of bytes means no limit. */
export function isEndless(value: string): boolean {
  const number = parseBytes(value);
  return number !== undefined && number >= ENDLESS;
}

/** page_counter_memparse(): whole pages, rounded down. */
function bytes(value: string, shown: string, units: readonly bigint[]): Shown {
  const [asked, found] = [parseBytes(value), parseBytes(shown)];
  if (asked === undefined || found === undefined) return words(value, shown);
  const isSame =
    asked === found ||
    (asked >= ENDLESS && found >= ENDLESS) ||
    units.some((unit) => asked - (asked % unit) === found);
  return { verdict: isSame ? "same" : found > asked ? "more" : "less", found: shown };
}

/** Like memparse() of the kernel, and with the two words for no limit. */
function parseBytes(text: string): bigint | undefined {
  const trimmed = text.trim();
  if (trimmed === "max" || trimmed === "-1") return 1n << 64n;
  const [, number = "", unit = ""] = /^(0x[0-9a-f]+|\d+)([KMGTPE])?B?$/i.exec(trimmed) ?? [];
  return number === "" ? undefined : BigInt(number) * (UNITS[unit.toUpperCase()] ?? 1n);
}

/** `0-3` and `0,1,2,3` are the same. */
function lists(value: string, shown: string): Shown {
  const [asked, found] = [numbersOf(value), numbersOf(shown)];
  // One of them has a form that is not supported here, such as `0-7:1/2`.
  if (asked === undefined || found === undefined) return { verdict: "same", found: shown };
  const missing = asked.some((one) => !found.includes(one));
  const extra = found.some((one) => !asked.includes(one));
  const verdict = missing ? (extra ? "other" : "less") : extra ? "more" : "same";
  return { verdict, found: shown === "" ? "none" : shown };
}

function numbersOf(list: string): number[] | undefined {
  try {
    return parseList(list);
  } catch (error) {
    if (error instanceof TsrunError) return undefined;
    throw error;
  }
}

/**
 * Compares words, as numbers if they are numbers. Further words in the file were not written and do not
 * count.
 */
function words(value: string, shown: string): Shown {
  const [asked, found] = [value.trim().split(/\s+/), shown.split(/\s+/)];
  const at = asked.findIndex((word, index) => !sameWord(word, found[index] ?? ""));
  if (at < 0) return { verdict: "same", found: shown };
  return { verdict: direction(asked[at] ?? "", found[at] ?? ""), found: shown };
}

function sameWord(asked: string, found: string): boolean {
  if (asked === found) return true;
  const [one, other] = [numberOf(asked), numberOf(found)];
  return one !== undefined && one === other;
}

function direction(asked: string, found: string): Verdict {
  const [one, other] = [numberOf(asked), numberOf(found)];
  if (one === undefined || other === undefined) return "other";
  return other > one ? "more" : "less";
}

/** Whole numbers are bigints, since the kernel's have 64 bits. */
function numberOf(word: string): number | bigint | undefined {
  if (word === "max" || word === "-1") return Number.POSITIVE_INFINITY;
  if (/^-?\d+$/.test(word)) return BigInt(word);
  if (/^-?\d+\.\d+$/.test(word)) {
    const number = Number(word);
    return Number.isInteger(number) ? BigInt(number) : number;
  }
  return undefined;
}

/** Compares `8:0 rbps=1048576 wiops=120`, `8:0 500` or `lo 1`. What is not in the file has no limit. */
function compareEntry(value: string, shown: string): Shown {
  const space = value.indexOf(" ");
  const key = value.slice(0, space);
  const line = shown.split("\n").find((one) => one.startsWith(`${key} `));
  const found = line === undefined ? [] : line.slice(key.length + 1).split(" ");
  const asked = value
    .slice(space + 1)
    .trim()
    .split(/\s+/);
  for (const pair of asked) {
    const verdict = comparePair(pair, found);
    if (verdict !== "same") return { verdict, found: line ?? `no ${key}` };
  }
  return { verdict: "same", found: line ?? "" };
}

function comparePair(pair: string, found: readonly string[]): Verdict {
  const equals = pair.indexOf("=");
  const name = pair.slice(0, equals + 1);
  const asked = pair.slice(equals + 1);
  const there = found.find((one) => one.startsWith(name))?.slice(name.length);
  if (there === undefined) return isNothing(asked) ? "same" : "more";
  if (sameWord(asked, there)) return "same";
  // The kernel stores operations in 32 bits and prints the largest value as `max`.
  if (there === "max") return isNothing(asked) || BigInt(asked) >= MOST_OPERATIONS ? "same" : "more";
  return direction(asked, there);
}

const MOST_OPERATIONS = (1n << 32n) - 1n;

/** Whether a value removes an entry. */
const isNothing = (value: string): boolean => value === "max" || value === "0" || value === "default";
