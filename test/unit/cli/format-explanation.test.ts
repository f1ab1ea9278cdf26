// How an explanation reads as text: headings, paragraphs, columns that stay in line.

import t from "tap";
import { formatExplanation } from "../../../src/cli/format-explanation.ts";
import type { Explanation, Section } from "../../../src/explain/model.ts";

function explanation(sections: readonly Section[], more: Partial<Explanation> = {}): Explanation {
  const about = { subject: "bundle", id: "x", bundle: "/b", rootfs: "/b/rootfs" } as const;
  return { ...about, command: ["sh", "-c", "a b"], sections, warnings: [], ...more };
}

function sectionLines(section: Section): string[] {
  const text = formatExplanation(explanation([section]), "text");
  return text.slice(text.indexOf("\n1. ") + 1).split("\n");
}

t.test("first comes what it is about", async (t) => {
  const text = formatExplanation(explanation([]), "text");
  t.match(text, /^What tsrun does to create a container from "\/b"\n\n/);
  t.match(text, '    command           sh -c "a b"\n');
  const there = explanation([], { subject: "container", status: "running", pid: 7 });
  t.match(formatExplanation(there, "text"), /What tsrun did to create the container "x"/);
  t.match(formatExplanation(there, "text"), "    status            running, pid 7\n");
});

t.test("a section has a heading, paragraphs, a table and notes", async (t) => {
  const lines = sectionLines({
    topic: "t",
    title: "Title",
    text: ["One.", "Two."],
    table: {
      columns: [
        ["a", "A"],
        ["unused", "UNUSED"],
        ["b", "B"],
      ],
      rows: [
        { a: "short", b: "x" },
        { a: "much longer", b: "y" },
      ],
    },
    notes: ["Note."],
  });
  t.strictSame(lines, [
    "1. Title",
    "--------",
    "",
    "  One.",
    "",
    "  Two.",
    "",
    "    A            B",
    "    short        x",
    "    much longer  y",
    "",
    "  Note.",
    "",
  ]);
});

t.test("what is too wide goes on below, in its column; long paths are cut behind a slash", async (t) => {
  const path = `/${"directory/".repeat(8)}file`;
  const lines = sectionLines({
    topic: "t",
    title: "T",
    text: ["word ".repeat(40).trim()],
    table: {
      columns: [
        ["path", "PATH"],
        ["text", "TEXT"],
      ],
      rows: [{ path, text: "many words ".repeat(8).trim() }],
    },
  });
  for (const line of lines) t.ok(line.length <= 100, line);
  const cells = lines
    .slice(lines.findIndex((line) => line.includes("PATH")) + 1)
    .filter((line) => line !== "");
  const column = lines.find((line) => line.includes("PATH"))?.indexOf("TEXT") ?? 0;
  t.equal(cells.map((line) => line.slice(4, column).trim()).join(""), path);
  t.equal(
    cells
      .map((line) => line.slice(column).trim())
      .join(" ")
      .trim(),
    "many words ".repeat(8).trim(),
  );
});

t.test("system calls stand in lines of their own, however long", async (t) => {
  const call = `openat(AT_FDCWD, "${"x".repeat(120)}", 0) = 3`;
  const lines = sectionLines({
    topic: "t",
    title: "T",
    text: ["Text."],
    syscalls: [{ number: 12, by: "init", call }],
  });
  t.ok(lines.includes(`      12  init   ${call}`));
});

t.test("as JSON it is the same", async (t) => {
  const given = explanation([{ topic: "t", title: "T", text: ["Text."] }], { warnings: ["careful"] });
  t.strictSame(JSON.parse(formatExplanation(given, "json")), given);
});

t.test("warnings come last", async (t) => {
  const text = formatExplanation(explanation([], { warnings: ["careful"] }), "text");
  t.match(text, /\nWarnings\n--------\n\n {2}careful\n$/);
});

t.test("a text of many words or of one is cut where a reader would cut it", async (t) => {
  const width = 82;
  const linesOf = (text: string): string[] => {
    const section = { topic: "t", title: "T", text: [text] };
    return sectionLines(section)
      .slice(3, -1)
      .map((line) => line.slice(2));
  };
  for (const word of ["word", "Wörter", "🐧", "a-b/c,d"]) {
    const size = [...word].length + 1;
    const lines = linesOf(Array.from({ length: 500 }, () => word).join(" "));
    const most = Math.floor((width + 1) / size);
    t.equal(lines[0], Array.from({ length: most }, () => word).join(" "), word);
    t.equal(lines.join(" ").split(" ").length, 500, word);
  }
  t.strictSame(linesOf("🐧".repeat(100)), ["🐧".repeat(width), "🐧".repeat(100 - width)]);
  t.strictSame(linesOf(`${"a".repeat(width)} b`), ["a".repeat(width), "b"]);
  t.strictSame(linesOf(`a ${"b".repeat(90)} c`), ["a", "b".repeat(width), `${"b".repeat(8)} c`]);
  t.strictSame(linesOf(`${"a".repeat(60)},${"b".repeat(40)}`), [`${"a".repeat(60)},`, "b".repeat(40)]);
});

t.test("a column is as wide as what is shown in it", async (t) => {
  const columns = [
    ["a", "A"],
    ["b", "B"],
  ] as const;
  const rows = [
    { a: "\u0007", b: "x" },
    { a: "🐧🐧", b: "y" },
  ];
  const lines = sectionLines({ topic: "t", title: "T", text: [], table: { columns, rows } });
  t.strictSame(lines.slice(3, 6), ["    A       B", "    \\u0007  x", "    🐧🐧      y"]);
});

t.test("a terminal's width is kept to, by paragraphs and by tables of many columns", async (t) => {
  const cell = "several words of a cell";
  const rows = [{ a: cell, b: cell, c: cell, d: cell, e: "/a/path/that/is/one/word/of/some/length" }];
  const columns = (["a", "b", "c", "d", "e"] as const).map((key) => [key, key.toUpperCase()] as const);
  const given = explanation([
    { topic: "t", title: "T", text: ["word ".repeat(60).trim()], table: { columns, rows } },
  ]);
  for (const width of [50, 60, 80, 200]) {
    const lines = formatExplanation(given, "text", width).split("\n");
    const longest = Math.max(...lines.map(({ length }) => length));
    t.ok(longest <= width, `${longest} of ${width}`);
    t.equal(lines.filter((line) => line.includes(cell)).length > 0, width === 200, "whole where it fits");
  }
  t.equal(formatExplanation(given, "text", 100), formatExplanation(given, "text"), "as for no terminal");
});
