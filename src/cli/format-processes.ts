// Formats the output of `ps`: the pids, or the lines of ps(1) about them. Pure.

import { TsrunError } from "../errors.ts";

/** One line of JSON; AS RUNC: `null` if there is no process. */
export function formatPids(pids: readonly number[]): string {
  return `${pids.length === 0 ? "null" : JSON.stringify(pids)}\n`;
}

/** The heading, and the lines whose PID column holds one of `pids`. */
export function formatProcessTable(output: string, pids: readonly number[]): string {
  const [heading = "", ...lines] = output.split("\n");
  const column = fieldsOf(heading).indexOf("PID");
  if (column < 0) {
    throw new TsrunError("E_USAGE", "couldn't find PID field in ps output", {
      hint: "the options for ps must make it print a column named PID, as -ef and aux do",
    });
  }
  const shown = lines.filter((line) => line !== "" && pids.includes(pidIn(line, column)));
  return [heading, ...shown].map((line) => `${line}\n`).join("");
}

function pidIn(line: string, column: number): number {
  const field = fieldsOf(line)[column] ?? "";
  if (/^\d+$/.test(field)) return Number(field);
  throw new TsrunError("E_USAGE", `unable to parse pid: ${JSON.stringify(field)} is no number`);
}

function fieldsOf(line: string): string[] {
  return line.trim().split(/\s+/);
}
