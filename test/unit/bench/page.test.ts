// README's table, docs/bench.md and the chart, as they come of results.

import t from "tap";
import { chart } from "../../bench/chart.ts";
import { page, renewReadme } from "../../bench/page.ts";
import type { Block, Figure } from "../../bench/results.ts";

function figure(wall: number, processor = wall): Figure {
  return { wall, processor, low: wall / 2, high: wall * 2 };
}

function block(conditions: Partial<Block> = {}): Block {
  return {
    cgroups: "v2",
    seccomp: false,
    busy: false,
    rounds: 40,
    date: "2026-01-02",
    kernel: "Linux 6.18.44-x",
    processor: "Some <fast> one",
    processors: 2,
    versions: { tsrun: "0.1.0 (0123)", runc: "1.3.6", crun: "1.28" },
    nothing: figure(0.4),
    rows: {
      create: { tsrun: figure(8, 4), runc: figure(32), crun: figure(10, 2) },
      "list of 300": { tsrun: figure(20), runc: figure(100), crun: figure(10) },
    },
    ...conditions,
  };
}

t.test("README gets a table of v2, without lists, in its place", async (t) => {
  const marks = ["<!-- from here on: make bench-page -->\n", "<!-- to here -->\n"];
  const readme = `before\n${marks[0]}old\n${marks[1]}after\n`;
  const text = renewReadme(readme, [block({ busy: true, rows: {} }), block()]);
  t.match(text, /^before\n/);
  t.match(text, /\nafter\n$/);
  t.notMatch(text, /old|list/);
  t.match(text, "tsrun 0.1.0 (0123), runc 1.3.6, crun 1.28; Linux 6.18, cgroup v2, 2 processors");
  t.match(text, /\n\| `create` +\| 8\.00 +\| 32\.0 +\| 10\.0 +\|\n/);
  t.equal(renewReadme(text, [block()]), text, "twice is as once");
  t.equal(renewReadme(text, []), text, "without results nothing changes");
  t.throws(() => renewReadme("no place", [block()]), /does not say where/);
});

t.test("the page has a section for each set of conditions, with quartiles and multiples", async (t) => {
  const text = page([block(), block({ cgroups: "v1", seccomp: true, busy: true })]);
  t.match(text, "## cgroup v2, without a seccomp profile, an idle machine\n");
  t.match(text, "## cgroup v1, with Docker's seccomp profile, busy processors\n");
  t.match(text, /\n\| `create` +\| 8\.00 \(4\.00–16\.0\) \|.*\| 0\.25 +\| 0\.80 +\|\n/);
  t.match(text, /\n\| `create` +\| 4\.00 +\| 32\.0 +\| 2\.00 +\| 0\.13 +\| 2\.00 +\|\n/);
  t.match(text, "40 rounds, 2026-01-02. A program that does nothing takes 0.40 ms");
});

t.test("the chart has a bar for each figure, as long as its time, and escapes what it is told", async (t) => {
  const text = chart([block()]);
  const widths = [...text.matchAll(/x="150" y="\d+" width="([\d.]+)"/g)].map(([, width]) => Number(width));
  t.strictSame(widths, [132.5, 530, 165.6], "8, 32 and 10 ms");
  t.match(text, "Some &lt;fast&gt; one");
  t.match(text, "prefers-color-scheme: dark");
  t.notMatch(text, /undefined|NaN/);
});
