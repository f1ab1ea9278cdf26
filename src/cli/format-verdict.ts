// Formats the output of `validate`: a line per fault in a format that editors understand, or JSON. Pure.

import type { Verdict } from "../explain/validate.ts";
import { type Located, MOST_COUNTED, shownPointer } from "../spec/faults.ts";
import { visible } from "./log.ts";
import { readableJson } from "./readable-json.ts";

export function formatVerdict(verdict: Verdict, format: "text" | "json"): string {
  const { file, faults, warnings, untold } = verdict;
  if (format === "json") {
    const counts = { moreFaults: untold.faults, moreWarnings: untold.warnings };
    return readableJson({ file, valid: faults.length === 0, faults, warnings, ...counts });
  }
  const told = [
    ...faults.map((one) => tell(file, "fault", one)),
    ...warnings.map((one) => tell(file, "warning", one)),
  ];
  return `${told.join("")}${visible(file)}: ${summary(verdict)}\n`;
}

/** `FILE:LINE:COLUMN: fault: POINTER: what is wrong`, as compilers print it, with the hint below. */
function tell(file: string, kind: string, { pointer, line, column, reason, hint }: Located): string {
  const start = visible(file);
  const place = line === undefined ? "" : `:${line}:${column}`;
  const where = pointer === "" ? "" : `${visible(shownPointer(pointer))}: `;
  const below = hint === undefined ? "" : `    ${visible(hint)}\n`;
  return `${start}${place}: ${kind}: ${where}${visible(reason)}\n${below}`;
}

function summary({ faults, warnings, untold }: Verdict): string {
  const parts = [];
  if (faults.length > 0) parts.push(counted(faults.length, untold.faults, "fault"));
  if (warnings.length > 0) parts.push(counted(warnings.length, untold.warnings, "warning"));
  const found = parts.join(", ");
  if (faults.length > 0) return found;
  return found === "" ? "no faults" : `no faults, ${found}`;
}

function counted(told: number, untold: number, what: string): string {
  const count = told + untold;
  const least = what === "fault" && count >= MOST_COUNTED ? "at least " : "";
  const words = `${least}${count} ${what}${count === 1 ? "" : "s"}`;
  return untold === 0 ? words : `${words}, of which ${told} are shown`;
}
