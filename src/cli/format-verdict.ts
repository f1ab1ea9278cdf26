// What `validate` prints: a line per fault that editors can jump to, or JSON. Pure.

import type { Verdict } from "../explain/validate.ts";
import type { Located } from "../spec/faults.ts";

export function formatVerdict(verdict: Verdict, format: "text" | "json"): string {
  const { file, faults, warnings } = verdict;
  if (format === "json") {
    return `${JSON.stringify({ file, valid: faults.length === 0, faults, warnings }, null, 2)}\n`;
  }
  const told = [
    ...faults.map((one) => tell(file, "fault", one)),
    ...warnings.map((one) => tell(file, "warning", one)),
  ];
  return `${told.join("")}${file}: ${summary(verdict)}\n`;
}

/** `FILE:LINE:COLUMN: fault: POINTER: what is wrong`, as compilers print it, and the hint below. */
function tell(file: string, kind: string, { pointer, line, column, reason, hint }: Located): string {
  const place = line === undefined ? "" : `:${line}:${column}`;
  const where = pointer === "" ? "" : `${pointer}: `;
  const below = hint === undefined ? "" : `    ${hint}\n`;
  return `${file}${place}: ${kind}: ${where}${reason}\n${below}`;
}

function summary({ faults, warnings }: Verdict): string {
  const parts = [];
  if (faults.length > 0) parts.push(counted(faults.length, "fault"));
  if (warnings.length > 0) parts.push(counted(warnings.length, "warning"));
  const found = parts.join(", ");
  if (faults.length > 0) return found;
  return found === "" ? "no faults" : `no faults, ${found}`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
