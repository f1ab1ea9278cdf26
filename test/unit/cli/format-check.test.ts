// How the result of `check` reads.

import t from "tap";
import type { Line, Report } from "../../../src/check/model.ts";
import { formatCheck } from "../../../src/cli/format-check.ts";

const WELL: Line = { id: "kernel.version", topic: "kernel", what: "Linux", health: "well", found: "6.1" };
const BAD: Line = {
  id: "ids.subuid",
  topic: "ids",
  what: "/etc/subuid of x\u001b[2J",
  health: "lacking",
  found: "no range",
  costs: "only the user's own id can be mapped, and images with files of other owners do not work",
  mend: "as root: usermod --add-subuids 100000-165535 x",
};
const report = (lines: readonly Line[], more: Partial<Report> = {}): Report => ({
  ...{ rootless: false, bundle: undefined, passes: true, lines, lacking: [] },
  ...more,
});

t.test("a line each, by topic, and a verdict", async (t) => {
  const text = formatCheck(report([WELL]), { json: false, width: undefined });
  t.equal(text, "Kernel\n  ok    Linux: 6.1\n\nThis host can run containers as root.\n");
});

t.test("what is not well says what it costs and how it is mended, within the terminal", async (t) => {
  const lacking = report([WELL, BAD], { rootless: true, passes: false, lacking: ["ids.subuid"] });
  for (const width of [60, 80, 200, undefined]) {
    const text = formatCheck(lacking, { json: false, width });
    t.match(text, /\n {2}NO {4}\/etc\/subuid of x\\u001b\[2J: no range\n {10}costs: only/);
    t.match(text, /\n {10}mend: {2}as root: usermod/);
    t.match(text, /\nThis host cannot run containers as an ordinary user\.\s+It\s+lacks:\s+ids\.subuid\.\n$/);
    const lines = text.split("\n").slice(0, -1);
    t.ok(
      lines.every((line) => line.length <= (width ?? 110)),
      `${width} columns`,
    );
  }
});

t.test("JSON has the same", async (t) => {
  const text = formatCheck(report([BAD], { bundle: "/b" }), { json: true, width: 60 });
  t.match(JSON.parse(text), { bundle: "/b", passes: true, lines: [BAD] });
});
