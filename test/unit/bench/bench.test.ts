// What `make bench` is asked for, and what it keeps.

import t from "tap";
import { readKnobs } from "../../bench/knobs.ts";
import { type Block, figureOf, ROWS, renew } from "../../bench/results.ts";

function block(conditions: Partial<Block> = {}): Block {
  return {
    cgroups: "v2",
    seccomp: false,
    busy: false,
    rounds: 40,
    date: "2026-01-02",
    kernel: "Linux 6.18",
    processor: "one",
    processors: 2,
    versions: {},
    nothing: { wall: 1, processor: 1, low: 1, high: 1 },
    rows: {},
    ...conditions,
  };
}

t.test("a figure is a median with its quartiles, to a microsecond", async (t) => {
  const times = [5, 1, 3, 2, 4].map((wall) => ({ wall, processor: wall / 3 }));
  t.strictSame(figureOf(times), { wall: 3, processor: 1, low: 2, high: 4 });
  const even = [1, 2].map((wall) => ({ wall, processor: wall }));
  t.strictSame(figureOf(even), { wall: 1.5, processor: 1.5, low: 1.25, high: 1.75 });
});

t.test("new results take the place of those under the same conditions, v2 and idle first", async (t) => {
  const before = [block({ cgroups: "v1", date: "old" }), block({ busy: true, date: "old" }), block()];
  const after = renew(before, [block({ cgroups: "v1", date: "new" }), block({ seccomp: true, date: "new" })]);
  t.strictSame(
    after.map(({ cgroups, seccomp, busy, date }) => [cgroups, seccomp, busy, date]),
    [
      ["v2", false, false, "2026-01-02"],
      ["v2", true, false, "new"],
      ["v2", false, true, "old"],
      ["v1", false, false, "new"],
    ],
  );
});

t.test("without knobs everything is measured; words choose", async (t) => {
  const all = readKnobs({});
  t.equal(all.rounds, 20);
  t.strictSame(all.rows, ROWS);
  t.strictSame(
    [all.cgroups, all.seccomp, all.busy],
    [
      ["v1", "v2"],
      [false, true],
      [false, true],
    ],
  );
  t.strictSame([all.libraries, all.save], ["", false]);
  const some = readKnobs({ ROWS: "list run", CGROUP: "v2", SECCOMP: "1", BUSY: "0", N: "3", SAVE: "1" });
  t.strictSame(some.rows, ["run", "list of 300", "list -q of 300"]);
  t.strictSame([some.cgroups, some.seccomp, some.busy], [["v2"], [true], [false]]);
  t.strictSame([some.rounds, some.save], [3, true]);
});

t.test("a peer is a path, a program of the tree or one of PATH; BASE stands beside tsrun", async (t) => {
  const knobs = readKnobs({ RUNC: process.execPath, CRUN: "/no/such", BASE: process.execPath });
  const found = knobs.peers.filter(({ name }) => name !== "tsrun");
  t.strictSame(found, [
    { name: "base", path: process.execPath },
    { name: "runc", path: process.execPath },
  ]);
  t.ok(knobs.missing.includes("crun"));
  const tree = readKnobs({ TREE: "/no/such", RUNC: "runc", CRUN: process.execPath });
  t.match(tree.libraries, /^\/no\/such\/sid\/usr\/lib\//);
  t.ok(tree.missing.includes("runc"), "not that of PATH");
  t.ok(tree.peers.some(({ name }) => name === "crun"));
});

t.test("a knob that says nothing is refused", async (t) => {
  t.throws(() => readKnobs({ N: "many" }), /N=many is no number of rounds/);
  t.throws(() => readKnobs({ CGROUP: "v3" }), /CGROUP=v3 is none of v1, v2/);
  t.throws(() => readKnobs({ ROWS: "creation" }), /no row has a name like "creation"/);
});
