// The table of `top`.

import t from "tap";
import { lineOf, pageOf, tableOf } from "../../../src/cli/format-top.ts";
import type { Usage } from "../../../src/container/top.ts";

const WEB: Usage = {
  id: "web",
  status: "running",
  pid: 5,
  cpuPercent: 12.34,
  memory: 3 << 20,
  memoryLimit: 64 << 20,
  pids: 2,
  pidsLimit: 50,
  readRate: 2048,
  writeRate: 0.4,
  pressure: { cpu: 1.5, memory: 0, io: 20 },
};
const BARE: Usage = { id: "a-name-that-is-longer-than-many", status: "paused", pid: 6 };

t.test("the busiest first, numbers at the right, a dash for what is not known", async (t) => {
  t.strictSame(tableOf([{ ...BARE, id: "a-name" }, WEB], 200), [
    "ID        STATUS   CPU %  MEMORY  LIMIT  PIDS  READ/S  WRITE/S  PSI-CPU  PSI-MEM  PSI-IO",
    "web       running   12.3    3MiB  64MiB  2/50    2KiB       0B      1.5      0.0    20.0",
    "a-name    paused       -       -      -     -       -        -        -        -       -",
  ]);
});

t.test("in a narrow terminal columns are left out, and ids cut", async (t) => {
  for (const width of [30, 40, 60, 80, 100, 110]) {
    const lines = tableOf([BARE, WEB], width);
    for (const line of lines) t.ok(line.length <= width, `${width}: ${line}`);
    t.match(lines[2] ?? "", /^a-name-/);
  }
  t.strictSame(tableOf([WEB], 60), [
    "ID        STATUS   CPU %  MEMORY  LIMIT  PIDS  READ/S",
    "web       running   12.3    3MiB  64MiB  2/50    2KiB",
  ]);
});

t.test("a page says how it ends, and what there is no room for", async (t) => {
  const many = Array.from({ length: 9 }, (_, at) => ({ ...WEB, id: `c${at}` }));
  const page = pageOf(many, { rows: 8, columns: 60, interval: "2s" });
  t.equal(page.length, 8);
  t.equal(page[0], "9 containers, every 2s; q ends");
  t.equal(page.at(-1), "and 5 more");
  t.strictSame(pageOf([], { rows: 8, columns: 20, interval: "2s" })[0], "0 containers, every ");
});

t.test("a line of JSON", async (t) => {
  const line = lineOf([WEB], new Date(0));
  t.strictSame(JSON.parse(line), { time: "1970-01-01T00:00:00.000Z", containers: [WEB] });
  t.ok(line.endsWith("}\n"));
});
