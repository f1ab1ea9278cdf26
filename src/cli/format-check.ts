// Formats the output of `check`: a table that a person reads, or JSON. Pure.

import type { Health, Line, Report, Topic } from "../check/model.ts";
import { columnsFor } from "./fit.ts";
import { visible } from "./log.ts";
import { readableJson } from "./readable-json.ts";
import { wrap } from "./wrap.ts";

export interface CheckFormat {
  readonly json: boolean;
  /** Columns of the terminal; `undefined` if it is none. */
  readonly width: number | undefined;
}

const HEALTH: Readonly<Record<Health, string>> = { well: "ok", lesser: "less", lacking: "NO" };
const TITLES: Readonly<Record<Topic, string>> = {
  kernel: "Kernel",
  cgroups: "Control groups",
  namespaces: "Namespaces",
  ids: "Ids of an ordinary user",
  security: "Security",
  programs: "Programs",
  files: "Files",
};
const TOPICS = Object.keys(TITLES) as Topic[];
/** Before the words of a line: two spaces, the mark, and two more. */
const INDENT = 8;

export function formatCheck(report: Report, { json, width }: CheckFormat): string {
  if (json) return readableJson(report);
  const columns = columnsFor(width);
  const parts = TOPICS.flatMap((topic) => {
    const lines = report.lines.filter((line) => line.topic === topic);
    return lines.length === 0
      ? []
      : [`${TITLES[topic]}\n${lines.map((line) => shown(line, columns)).join("")}`];
  });
  return `${parts.join("\n")}\n${wrap(verdict(report), columns).join("\n")}\n`;
}

function shown({ what, health, found, costs, mend }: Line, columns: number): string {
  const texts = [`${what}: ${found}`];
  if (costs !== undefined) texts.push(`costs: ${costs}`);
  if (mend !== undefined) texts.push(`mend:  ${mend}`);
  const lines = texts.flatMap((text, index) => {
    const indent = " ".repeat(index === 0 ? INDENT : INDENT + 2);
    return wrap(visible(text), columns - indent.length).map((line) => indent + line);
  });
  const [first = "", ...rest] = lines;
  const mark = `  ${HEALTH[health]}`.padEnd(INDENT);
  return [mark + first.slice(INDENT), ...rest].map((line) => `${line}\n`).join("");
}

function verdict({ bundle, rootless, passes, lines, lacking }: Report): string {
  const what = bundle === undefined ? "containers" : visible(bundle);
  const who = rootless ? "an ordinary user" : "root";
  if (!passes) return `This host cannot run ${what} as ${who}. It lacks: ${lacking.join(", ")}.`;
  const lesser = lines.filter(({ health }) => health !== "well").length;
  const rest = lesser === 0 ? "" : ` ${lesser} line${lesser === 1 ? "" : "s"} could be better.`;
  return `This host can run ${what} as ${who}.${rest}`;
}
