// Lists of CPUs and NUMA nodes.

import t from "tap";
import { parseList } from "../../../src/process/cpu-list.ts";

t.test("a list holds numbers and ranges, in any order", async (t) => {
  t.strictSame(parseList("0-3,7"), [0, 1, 2, 3, 7]);
  t.strictSame(parseList(" 9 , 1 - 2,,1"), [1, 2, 9]);
  t.strictSame(parseList(""), []);
  t.strictSame(parseList("65535"), [65535]);
});

t.test("what is no list is refused with the part that is wrong", async (t) => {
  for (const bad of ["x", "3-1", "-1", "1-", "1--2", "0x1", "1;2", "0-65536", "99999999999999999999"]) {
    t.throws(() => parseList(bad), { code: "E_CONFIG", message: /is no list of numbers/ }, bad);
  }
});
