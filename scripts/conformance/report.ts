// Makes docs/conformance.md, and the output on the terminal, from the results of runs. Pure.

import { count, groupBy, joinCases, type Outcomes, type Run, sortCases, splitCases } from "./outcomes.ts";
import { PARTS } from "./parts.ts";

/** Runs by the name of their part. */
export type Runs = ReadonlyMap<string, Run>;

/** Why cases do not pass, by suite or part and by cases as joinCases writes them: reasons.json. */
export type Reasons = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface Comparison {
  readonly subject: Runs;
  /** Other runtimes on the same machine, by name; the first is runc. */
  readonly peers: ReadonlyMap<string, Runs>;
  readonly reasons: Reasons;
}

export interface Failure {
  readonly part: string;
  readonly id: string;
  /** Names of the peers that pass it. */
  readonly passedBy: readonly string[];
  readonly reason: string | undefined;
}

const INTRODUCTION = `# Conformance

The results of other projects' test suites, and of scenarios of Kubernetes' Container Runtime Interface (CRI).
\`make conformance\` runs them and writes this page; do not edit it. [testing.md](testing.md#conformance) says
how to run them, or parts of them, on tsrun or on another runtime.
[spec-conformance.md](spec-conformance.md) lists the parts of the specification and of runc's command line
that tsrun supports.
`;

/** The cases that fail, in the order of the page. */
export function failures({ subject, peers, reasons }: Comparison): Failure[] {
  return PARTS.flatMap(({ name: part, suite }) => {
    const outcomes = subject.get(part)?.outcomes ?? new Map();
    const why = reasonsById({ ...(suite && reasons[suite]), ...reasons[part] });
    return sortCases(outcomes.keys())
      .filter((id) => outcomes.get(id) === "fail")
      .map((id) => ({
        part,
        id,
        passedBy: [...peers].filter(([, runs]) => passes(runs.get(part), id)).map(([peer]) => peer),
        reason: why.get(id),
      }));
  });
}

/** One line per part: how many cases pass, and how many of those that runc passes. */
export function totals({ subject, peers }: Comparison, parts: readonly string[]): string[] {
  const [[peer, runs] = ["runc", new Map<string, Run>()]] = peers;
  return parts.flatMap((part) => {
    const run = subject.get(part);
    if (run === undefined) return [];
    const said = `${part}: ${summary(run.outcomes)}`;
    const other = runs.get(part);
    if (other === undefined) return [said];
    const [both, theirs] = shared(run.outcomes, other.outcomes);
    return [`${said}; ${both} of the ${theirs} that ${peer} passes`];
  });
}

export function page(comparison: Comparison): string {
  const { subject, peers } = comparison;
  const versions = [subject, ...peers.values()].flatMap((runs) => [...runs.values()].slice(0, 1));
  const machine = versions[0]?.machine ?? "";
  const names = versions.map(({ version }) => version.replace(" version ", " ")).join(", ");
  return [
    INTRODUCTION,
    `${names}; ${machine}. Each figure is from the last run of its case.\n`,
    "## Totals\n",
    table(["suite", "cases", "passed", "failed", "skipped", ...peerColumns(peers)], totalRows(comparison)),
    "A suite skips cases that this machine cannot run: it has no systemd, AppArmor or SELinux.\n",
    "## Failures and their reasons\n",
    failureTable(comparison),
  ].join("\n");
}

function peerColumns(peers: Comparison["peers"]): string[] {
  return [...peers.keys()].flatMap((peer, index) =>
    index === 0 ? [`${peer} passes`, "of those tsrun passes"] : [`${peer} passes`],
  );
}

function totalRows({ subject, peers }: Comparison): string[][] {
  return PARTS.flatMap(({ name, title }) => {
    const outcomes = subject.get(name)?.outcomes;
    if (outcomes === undefined) return [];
    const counts = (["pass", "fail", "skip"] as const).map((outcome) => String(count(outcomes, outcome)));
    const compared = [...peers.values()].flatMap((runs, index) => {
      const other = runs.get(name)?.outcomes;
      if (other === undefined) return index === 0 ? ["", ""] : [""];
      // Count all passes of the other, so that a suite that was run only in part here is noticed.
      const theirs = count(other, "pass");
      return index === 0 ? [String(theirs), String(shared(outcomes, other)[0])] : [String(theirs)];
    });
    return [[title, String(outcomes.size), ...counts, ...compared]];
  });
}

function failureTable(comparison: Comparison): string {
  const found = failures(comparison);
  if (found.length === 0) return "Nothing.\n";
  const titles = new Map(PARTS.map(({ name, title }) => [name, title]));
  const alike = groupBy(found, ({ part, passedBy, reason }) => [part, ...passedBy, reason].join("\n"));
  const rows = [...alike.values()].map((cases) => {
    const [{ part, passedBy, reason = "" }] = cases as [Failure, ...Failure[]];
    return [titles.get(part) ?? part, joinCases(cases.map(({ id }) => id)), passedBy.join(", "), reason];
  });
  return table(["suite", "cases", "passed by", "why"], rows);
}

function passes(run: Run | undefined, id: string): boolean {
  return run?.outcomes.get(id) === "pass";
}

/** How many cases both pass, and how many the other passes of those that were run here. */
function shared(ours: Outcomes, theirs: Outcomes): readonly [number, number] {
  const passed = [...theirs].filter(([id, outcome]) => outcome === "pass" && ours.has(id));
  return [passed.filter(([id]) => ours.get(id) === "pass").length, passed.length];
}

function summary(outcomes: Outcomes): string {
  const [passed, failed, skipped] = (["pass", "fail", "skip"] as const).map((one) => count(outcomes, one));
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

function reasonsById(reasons: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(reasons).flatMap(([ids, reason]) => splitCases(ids).map((id) => [id, reason])),
  );
}

/** A Markdown table in which every column is as wide as its widest cell. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(3, ...[head, ...rows].map((row) => (row[column] ?? title).length)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return `${[line(head), rule, ...rows.map(line)].join("\n")}\n`;
}
