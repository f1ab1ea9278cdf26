// Decides whether a kernel parameter shows what was written to it. The kernel reads numbers in any base and
// with any white space between them, and prints them in its own form. Pure. proc_dointvec() in
// kernel/sysctl.c.

/** Some times are stored in ticks of the kernel's clock, which has at least 100 a second. */
const TICK_MS = 10;

export function sameSysctl(name: string, asked: string, found: string): boolean {
  const [one, other] = [wordsOf(asked), wordsOf(found)];
  if (one.length === other.length && one.every((word, at) => sameWord(name, word, other[at] ?? "")))
    return true;
  const areLists = isList(asked) && isList(found) && /,|\d-\d/.test(asked + found);
  return areLists && rangesOf(asked) === rangesOf(found);
}

const wordsOf = (text: string): string[] =>
  text
    .trim()
    .split(/\s+/)
    .filter((word) => word !== "");

function sameWord(name: string, asked: string, found: string): boolean {
  if (asked === found) return true;
  const [one, other] = [numberOf(asked), numberOf(found)];
  if (one === undefined || other === undefined) return false;
  if (one === other) return true;
  const distance = one > other ? one - other : other - one;
  return /_(ms|msecs)$/.test(name) && distance <= TICK_MS;
}

/** Like simple_strtoul() with base 0: `0x10`, `010`, `16`. */
function numberOf(word: string): bigint | undefined {
  const [, sign = "", digits = ""] = /^([+-]?)(0x[0-9a-f]+|\d+)$/i.exec(word) ?? [];
  if (digits === "") return undefined;
  const isOctal = /^0[0-7]+$/.test(digits);
  const number = BigInt(isOctal ? `0o${digits.slice(1)}` : digits);
  return sign === "-" ? -number : number;
}

/** Whether it may be a list of numbers, such as ports: the kernel prints `1-3,4` as `1-4`. */
const isList = (text: string): boolean => /^[\d,\s-]*$/.test(text);

function rangesOf(list: string): string {
  const ranges = list
    .split(/[,\s]+/)
    .filter((part) => part !== "")
    .map((part) => part.split("-").map(Number))
    .map(([from = 0, to = from]) => [from, to] as [number, number])
    .sort((a, b) => a[0] - b[0]);
  const merged: [number, number][] = [];
  for (const [from, to] of ranges) {
    const last = merged.at(-1);
    if (last === undefined || from > last[1] + 1) merged.push([from, to]);
    else last[1] = Math.max(last[1], to);
  }
  return merged.map((range) => range.join("-")).join(",");
}
