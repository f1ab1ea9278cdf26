// The memory for lists of words.

import t from "tap";
import { byWords } from "../../../src/spec/by-words.ts";

t.test("equal lists give the same object, other lists another, whatever is in their words", async (t) => {
  const lists = [
    [],
    [""],
    ["", ""],
    ["a"],
    ["b"],
    ["a", "b"],
    ["b", "a"],
    ["a,b"],
    ["a,b", "c"],
    ["a", "b,c"],
    ["a\0b"],
    ["a\0b", "c"],
    ["a", "b\0c"],
    ["a", "b", "c"],
    ["\0"],
  ];
  const joined = byWords((words) => ({ text: JSON.stringify(words) }));
  for (let round = 0; round < 2; round++) {
    for (const list of lists) t.equal(joined([...list]).text, JSON.stringify(list));
  }
  t.equal(joined(["ro", "nodev"]), joined(["ro", "nodev"]));
  t.not(joined(["a"]), joined(["b"]));
});
