// The container's share of caches and memory bandwidth in words. Pure.

import { planRdt } from "../rdt/plan.ts";
import type { ExplainedPlan, Section } from "./model.ts";

export function describeRdt({ bundle, options }: ExplainedPlan): Section[] {
  const rdt = bundle.spec.linux?.intelRdt;
  if (rdt === undefined) return [];
  const { group, own, lines, monitor } = planRdt(rdt, options.id);
  const whose = own
    ? "a group of its own"
    : group === ""
      ? "the group of all other processes"
      : `the group "${group}"`;
  const watched =
    monitor === undefined ? "" : ` What it uses is counted in its monitoring group "${monitor}".`;
  return [
    {
      topic: "rdt",
      pointer: "/linux/intelRdt",
      title: "Caches: which part it may use",
      text: [`In the kernel's resctrl file system the first process is put into ${whose}.${watched}`],
      table: {
        columns: [
          ["line", "LINE"],
          ["file", "WRITTEN TO, BELOW resctrl"],
        ],
        rows: lines.map((line) => ({
          line,
          file: `${group === "" ? "" : `${group}/`}schemata`,
          pointer: "/linux/intelRdt",
        })),
      },
    },
  ];
}
