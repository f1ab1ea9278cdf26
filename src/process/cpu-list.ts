// Parses lists of CPUs and NUMA nodes such as `0-3,7`, in the format of cpuset(7). Pure.
// Called by scheduling.ts and for `execCPUAffinity`.

import { TsrunError } from "../errors.ts";

/** More than any kernel is built for (NR_CPUS); keeps `0-4000000000` from filling the memory. */
const MOST = 65536;

/** The numbers of a list; blanks and empty elements are ignored, as in runc's configs.ToCPUSet. */
export function parseList(list: string): number[] {
  const numbers = new Set<number>();
  for (const element of list.split(",")) {
    const range = element.trim();
    if (range === "") continue;
    const match = /^(\d+)(?:\s*-\s*(\d+))?$/.exec(range);
    const first = Number(match?.[1]);
    const last = Number(match?.[2] ?? match?.[1]);
    if (match === null || last < first || last >= MOST) {
      throw new TsrunError("E_CONFIG", `"${list}" is no list of numbers: "${range}" is not understood`, {
        hint: "write it as in 0-3,7",
      });
    }
    for (let number = first; number <= last; number++) numbers.add(number);
  }
  return [...numbers].sort((a, b) => a - b);
}

/** A list as the kernel and runc print it: `0-1,3` is 0xb. */
export function maskText(list: string): string {
  let mask = 0n;
  for (const number of parseList(list)) mask |= 1n << BigInt(number);
  return `0x${mask.toString(16)}`;
}
