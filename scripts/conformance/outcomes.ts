// A suite's results for a runtime, case by case, and their form in
// scripts/conformance/results/RUNTIME/PART.tsv. Pure. A line has a file of the suite, an outcome, and the
// cases, with numbers as ranges: `exec<TAB>pass<TAB>1-14 16`. The first line describes the run: `#<TAB>runc
// version 1.3.6<TAB>Linux 6.18.5`.

/** `other`: not passed, for an unknown reason; of some suites only the passes are known. */
export type Outcome = "pass" | "fail" | "skip" | "other";

/** By `FILE CASE`, or `CASE` in a suite that is one file. */
export type Outcomes = ReadonlyMap<string, Outcome>;

export interface Run {
  /** The runtime's own text, `runc version 1.3.6`. */
  readonly version: string;
  readonly machine: string;
  readonly outcomes: Outcomes;
}

const ORDER: readonly Outcome[] = ["pass", "fail", "skip", "other"];

/** The results of earlier runs, replaced by those of this one. */
export function merge(before: Run | undefined, now: Run): Run {
  return { ...now, outcomes: new Map([...(before?.outcomes ?? []), ...now.outcomes]) };
}

export function count(outcomes: Outcomes, wanted: Outcome): number {
  return [...outcomes.values()].filter((outcome) => outcome === wanted).length;
}

/** Cases in the order of their files and numbers; the same on every machine. */
export function sortCases(cases: Iterable<string>): string[] {
  return [...cases].sort((a, b) => {
    const [[fileA, nameA], [fileB, nameB]] = [splitId(a), splitId(b)];
    return compareText(fileA, fileB) || Number(nameA) - Number(nameB) || compareText(nameA, nameB);
  });
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

export function writeRun({ version, machine, outcomes }: Run): string {
  const lines = [["#", version, machine].join("\t")];
  const files = groupBy(sortCases(outcomes.keys()), (id) => splitId(id)[0]);
  for (const [file, ids] of files) {
    const byOutcome = groupBy(ids, (id) => outcomes.get(id) ?? "other");
    for (const outcome of ORDER) {
      const names = byOutcome.get(outcome)?.map((id) => splitId(id)[1]);
      if (names !== undefined) lines.push([file, outcome, joinNumbers(names)].join("\t"));
    }
  }
  return `${lines.join("\n")}\n`;
}

export function readRun(text: string): Run {
  const [[, version = "", machine = ""] = [], ...rows] = text
    .trimEnd()
    .split("\n")
    .map((line) => line.split("\t"));
  const outcomes = new Map<string, Outcome>();
  for (const [file = "", word = "", names = ""] of rows) {
    const outcome = ORDER.find((candidate) => candidate === word);
    if (outcome === undefined) throw new Error(`"${word}" is no outcome`);
    for (const name of names.split(" ").flatMap(expand)) outcomes.set(joinId(file, name), outcome);
  }
  return { version, machine, outcomes };
}

export function joinId(file: string, name: string): string {
  return file === "" ? name : `${file} ${name}`;
}

function splitId(id: string): readonly [string, string] {
  const at = id.lastIndexOf(" ");
  return [id.slice(0, Math.max(at, 0)), id.slice(at + 1)];
}

/** Cases as one text, `exec 1-3 5, tty 2`. */
export function joinCases(ids: readonly string[]): string {
  const byFile = groupBy(sortCases(ids).map(splitId), ([file]) => file);
  return [...byFile]
    .flatMap(([file, cases]) => {
      const names = cases.map(([, name]) => name);
      return file === "" ? names : [joinId(file, joinNumbers(names))];
    })
    .join(", ");
}

/** The inverse of joinCases. */
export function splitCases(text: string): string[] {
  return text.split(", ").flatMap((cases) => {
    const [first = "", ...names] = cases.split(" ");
    return names.length === 0 ? [first] : names.flatMap(expand).map((name) => joinId(first, name));
  });
}

/** `1 2 3 5` as `1-3 5`; other names unchanged. */
function joinNumbers(names: readonly string[]): string {
  const words: string[] = [];
  let first = 0;
  names.forEach((name, index) => {
    const goesOn = /^\d+$/.test(name) && Number(names[index + 1]) === Number(name) + 1;
    if (goesOn) return;
    words.push(first === index ? name : `${names[first]}-${name}`);
    first = index + 1;
  });
  return words.join(" ");
}

function expand(word: string): readonly string[] {
  const range = /^(\d+)-(\d+)$/.exec(word);
  if (range === null) return [word];
  const [from, to] = [Number(range[1]), Number(range[2])];
  return Array.from({ length: to - from + 1 }, (_, index) => String(from + index));
}

/** Map.groupBy, which Node 20 does not have. */
export function groupBy<Key, Value>(
  values: Iterable<Value>,
  keyOf: (value: Value) => Key,
): Map<Key, Value[]> {
  const groups = new Map<Key, Value[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return groups;
}
