// Finds the differences between two sides, and which of them are known.

import type { Draft } from "./draft.ts";
import { RULES } from "./known.ts";
import type { Observed } from "./observe.ts";
import type { Ran } from "./side.ts";

export interface Difference {
  readonly key: string;
  /** The lines that the other side does not have. */
  readonly runc: readonly string[];
  readonly tsrun: readonly string[];
}

export interface Compared {
  readonly unknown: readonly Difference[];
  /** The reasons of known differences. */
  readonly reasons: readonly string[];
}

/** The lines of one side that are not in the other; all lines if only their order differs. */
function onlyIn(lines: readonly string[], other: readonly string[]): string[] {
  const left = [...other];
  const only = lines.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  return only.length === 0 && left.length === 0 ? [...lines] : only;
}

export function differences(runc: Observed, tsrun: Observed): Difference[] {
  const keys = [...new Set([...runc.keys(), ...tsrun.keys()])].filter((key) => !ASKED.test(key));
  return keys.flatMap((key) => {
    const [ofRunc, ofTsrun] = [runc.get(key), tsrun.get(key)];
    if (String(ofRunc) === String(ofTsrun)) return [];
    if (ofRunc === undefined || ofTsrun === undefined) {
      return [{ key, runc: ofRunc ?? ["(nothing)"], tsrun: ofTsrun ?? ["(nothing)"] }];
    }
    return [{ key, runc: onlyIn(ofRunc, ofTsrun), tsrun: onlyIn(ofTsrun, ofRunc) }];
  });
}

/** The steps of `asked` in side.ts. */
const ASKED = /^asked: /;

/** What the answer to each of these commands holds when nothing is wrong. */
const WELL: Readonly<Record<string, string>> = {
  why: '"wrong":false',
  diff: '"differs":false',
  check: '"passes":true',
};

/** The answers of tsrun that say that something is wrong with a container that it has made. */
export function alarms(tsrun: Observed): Difference[] {
  if (!isMade(tsrun)) return [];
  return [...tsrun].flatMap(([key, lines]) => {
    const [, name = "", when = ""] = /^asked: (\w+) when (\w+) says$/.exec(key) ?? [];
    const well = WELL[name];
    if (well === undefined || lines.join("").includes(well)) return [];
    // Its own program, or one of the steps, may have ended it; then there is nothing to compare.
    const why = tsrun.get(`asked: why when ${when} says`) ?? [];
    return why.join("").includes('"state":"stopped"') ? [] : [{ key, runc: [], tsrun: lines }];
  });
}

/** What differs in each run, or names the side: the time of a line of the log, pids, the executable. */
const OF_ONE_RUN: readonly (readonly [RegExp, string])[] = [
  [/time="[^"]*"/g, 'time="…"'],
  [/\d+ \(process ID\)/g, "… (process ID)"],
  [/\/diff-runc\/runc\b/g, "/diff-runc/tsrun"],
];

function saidBy({ said }: Ran): string[] {
  return OF_ONE_RUN.reduce((text, [found, instead]) => text.replace(found, instead), said).split("\n");
}

/** Compares two executables of tsrun: every difference counts, of the texts on standard error, too. */
export function compareExactly({ runc, tsrun }: Readonly<Record<"runc" | "tsrun", Ran>>): Compared {
  const [before, now] = [new Map(runc.observed), new Map(tsrun.observed)];
  before.set("standard error", saidBy(runc));
  now.set("standard error", saidBy(tsrun));
  return { unknown: differences(before, now), reasons: [] };
}

/** If only one side makes a container, all other differences follow from that, and are left out. */
function essential(found: readonly Difference[]): readonly Difference[] {
  const made = found.filter(({ key }) => /^(create|run|start) answers$/.test(key));
  if (made.length > 0) return made;
  const failed = found.flatMap(({ key }) => /^(exec-\d+) answers$/.exec(key)?.[1] ?? []);
  return found.filter(({ key }) => / answers$/.test(key) || !failed.includes(key.split(" ")[0] ?? ""));
}

/** Whether a container was made. */
export function isMade(observed: Observed): boolean {
  return observed.has("main comm") || observed.get("create answers")?.[0] === "0";
}

/** The rest of a difference after the known ones are removed; adds their reasons. */
function withoutKnown(difference: Difference, draft: Draft, reasons: Set<string>): Difference | undefined {
  const { key } = difference;
  let left = difference;
  // One line may differ for several reasons.
  const touched: string[] = [];
  for (const { reason, alike } of RULES) {
    if (alike === undefined) continue;
    const changed = (lines: readonly string[]) =>
      lines.map((line) => alike(line, key, draft)).filter((line) => line !== "");
    const [ofRunc, ofTsrun] = [changed(left.runc), changed(left.tsrun)];
    const next = { key, runc: onlyIn(ofRunc, ofTsrun), tsrun: onlyIn(ofTsrun, ofRunc) };
    if (String([ofRunc, ofTsrun]) === String([left.runc, left.tsrun])) continue;
    touched.push(reason);
    if (String(ofRunc) === String(ofTsrun)) {
      for (const one of touched) reasons.add(one);
      return undefined;
    }
    left = next;
  }
  return left;
}

export function compare(draft: Draft, { runc, tsrun }: Readonly<Record<"runc" | "tsrun", Ran>>): Compared {
  const unknown: Difference[] = [];
  const reasons = new Set<string>();
  const made = { runc: isMade(runc.observed), tsrun: isMade(tsrun.observed) };
  const found = [...essential(differences(runc.observed, tsrun.observed)), ...alarms(tsrun.observed)];
  for (const difference of found) {
    const left = withoutKnown(difference, draft, reasons);
    if (left === undefined) continue;
    const rule = RULES.find(({ explains }) => explains?.(left, draft, made) === true);
    if (rule === undefined) unknown.push(left);
    else reasons.add(rule.reason);
  }
  return { unknown, reasons: [...reasons] };
}
