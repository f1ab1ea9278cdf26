// The table of `diff`.

import t from "tap";
import { formatDiff } from "../../../src/cli/format-diff.ts";
import type { Difference, DiffReport } from "../../../src/diff/model.ts";

const LIMIT: Difference = {
  topic: "limits",
  controller: "memory",
  what: "memory.max",
  asked: "67108864 (64 MiB)",
  found: "134217728 (128 MiB)",
  costs: "it may take more from others than was asked for",
  next: '"diff --fix" writes it again',
  fixable: true,
};
const MOUNT: Difference = {
  topic: "mounts",
  what: "/tmp",
  asked: "nothing",
  found: "tmpfs from x\u001b[31m",
  costs: "it covers what the container had there",
  next: "nothing, where the program mounts it itself",
};

function report(differences: readonly Difference[], more: Partial<DiffReport> = {}): DiffReport {
  const differs = differences.some(({ own }) => own !== true);
  return { id: "web", status: "running", pid: 5, differs, differences, unseen: [], ...more };
}

const text = (of: DiffReport, width?: number) => formatDiff(of, { json: false, width });

t.test("nothing differs", async (t) => {
  t.equal(text(report([])), "Nothing differs in web from what its configuration asks for.\n");
});

t.test("three columns, with the rest below", async (t) => {
  t.equal(
    text(report([LIMIT]), 80),
    [
      "Limits",
      "  WHAT        ASKED              FOUND",
      "  memory.max  67108864 (64 MiB)  134217728 (128 MiB)",
      "      costs: it may take more from others than was asked for",
      '      next:  "diff --fix" writes it again',
      "",
      '1 thing differs in web from what its configuration asks for; "diff --fix" writes',
      "it again.",
      "",
    ].join("\n"),
  );
});

t.test("four columns where there is room", async (t) => {
  const [, head, row] = text(report([LIMIT]), 200).split("\n");
  t.equal(head, "  WHAT        ASKED              FOUND                COSTS, AND WHAT TO DO");
  t.match(row, /128 MiB\) {2}it may take more from others than was asked for; "diff --fix" writes it again$/);
});

t.test("each width is kept, and no escape of the container's gets to the terminal", async (t) => {
  for (const width of [20, 50, 60, 80, 149, 150, 200]) {
    const shown = text(
      report([LIMIT, MOUNT], { unseen: [{ topic: "sysctls", why: "w ".repeat(60) }] }),
      width,
    );
    for (const line of shown.split("\n")) t.ok(line.length <= Math.max(50, width), line);
    t.notOk(shown.includes(String.fromCharCode(27)));
  }
});

t.test("what does not count is told apart", async (t) => {
  const shown = text(report([{ ...MOUNT, own: true }]));
  t.match(
    shown,
    /^Changes that the program may have made itself[\s\S]*Mounts\n[\s\S]*\nNothing differs in web/,
  );
});

t.test("what was written again", async (t) => {
  const written = ["memory.max", "device rules"];
  t.match(text(report([], { written })), /^Written again: memory\.max, device rules\.\n\nNothing differs/);
  t.match(text(report([MOUNT], { written: [] })), /^Nothing was written[\s\S]*1 thing differs in web still/);
});

t.test("of very many the first are shown", async (t) => {
  const many = Array.from({ length: 45 }, (_, at) => ({ ...MOUNT, what: `/m${at}` }));
  t.match(text(report(many)), /\/m39[\s\S]*and 5 more, which --json shows\n/);
});

t.test("JSON has everything", async (t) => {
  t.strictSame(JSON.parse(formatDiff(report([LIMIT]), { json: true, width: 80 })), report([LIMIT]));
});
