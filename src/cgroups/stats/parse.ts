// The formats of cgroup statistics files: single numbers, `key number` lines, lists, pressure. Pure.

import type { Optional, Pressure, PressureLine } from "./stats.ts";

/** What a file that says `max` counts as. */
export const UINT64_MAX = 2n ** 64n - 1n;

/**
 * The number in a file: `max` is the largest number, an absent file is 0. AS RUNC: a negative number, which
 * some kernels show by mistake, is 0 too.
 */
export function parseCounter(text: string | undefined): bigint {
  const word = text?.trim() ?? "";
  if (word === "max") return UINT64_MAX;
  return /^\d+$/.test(word) ? BigInt(word) : 0n;
}

/** Like `parseCounter`, for numbers that may be negative. */
export function parseSigned(text: string | undefined): bigint {
  const word = text?.trim() ?? "";
  return /^-?\d+$/.test(word) ? BigInt(word) : 0n;
}

/** Lines of a name and a number. */
export function parseFlatKeyed(text: string | undefined): ReadonlyMap<string, bigint> {
  const values = new Map<string, bigint>();
  for (const line of (text ?? "").split("\n")) {
    const space = line.indexOf(" ");
    if (space > 0) values.set(line.slice(0, space), parseCounter(line.slice(space + 1)));
  }
  return values;
}

/** `0-2,7` as 0 1 2 7; `undefined` if there is none. */
export function parseNumberList(text: string | undefined): number[] | undefined {
  const numbers: number[] = [];
  for (const part of (text ?? "").trim().split(",")) {
    if (part === "") continue;
    const [from = "", to = from] = part.split("-");
    for (let number = Number(from); number <= Number(to); number++) numbers.push(number);
  }
  return numbers.length === 0 ? undefined : numbers;
}

/** Numbers separated by spaces; `undefined` if there is none. */
export function parseNumbers(text: string | undefined): bigint[] | undefined {
  const numbers = (text ?? "").split(/\s+/).filter((word) => word !== "");
  return numbers.length === 0 ? undefined : numbers.map((word) => parseCounter(word));
}

const NO_PRESSURE: PressureLine = { avg10: 0, avg60: 0, avg300: 0, total: 0n };

/** A line `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, and one like it for `full`. */
export function parsePressure(text: string | undefined): Pressure | undefined {
  if (text === undefined || text === "") return undefined;
  const lines = { some: NO_PRESSURE, full: NO_PRESSURE };
  for (const line of text.split("\n")) {
    const [kind, ...pairs] = line.split(" ");
    if (kind !== "some" && kind !== "full") continue;
    const values = new Map(
      pairs.map((pair): [string, string] => {
        const equals = pair.indexOf("=");
        return [pair.slice(0, equals), pair.slice(equals + 1)];
      }),
    );
    lines[kind] = {
      avg10: Number(values.get("avg10") ?? 0),
      avg60: Number(values.get("avg60") ?? 0),
      avg300: Number(values.get("avg300") ?? 0),
      total: parseCounter(values.get("total")),
    };
  }
  return lines;
}

/** Like Go's `omitempty`. */
export function unlessZero(value: bigint | undefined): Optional {
  return value === 0n ? undefined : value;
}

/**
 * The sizes in the names of hugetlb files, from the directories of /sys/kernel/mm/hugepages:
 * `hugepages-2048kB` is `2MB`.
 */
export function parseHugepageSizes(directories: readonly string[]): string[] {
  const names: string[] = [];
  for (const directory of directories) {
    const kib = Number(/^hugepages-(\d+)kB$/.exec(directory)?.[1] ?? 0);
    if (kib >= 1 << 20) names.push(`${kib >> 20}GB`);
    else if (kib >= 1 << 10) names.push(`${kib >> 10}MB`);
    else if (kib > 0) names.push(`${kib}KB`);
  }
  return names;
}

/** A map with sorted keys, as Go writes one. */
export function sorted<T>(entries: Iterable<readonly [string, T]>): Record<string, T> {
  return Object.fromEntries([...entries].sort(([one], [other]) => (one < other ? -1 : 1)));
}
