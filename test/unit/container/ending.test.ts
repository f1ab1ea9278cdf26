// What is remembered of ends: lines of bounded length, read whatever they hold, and put together.

import t from "tap";
import {
  type Ending,
  endingsIn,
  LONGEST_LINE,
  lineOf,
  MOST_ENDINGS,
  mayEnd,
  merged,
  signalledIn,
  signalNote,
} from "../../../src/container/ending.ts";

const ENDING: Ending = { id: "web", created: "c", at: 5, by: "run", status: 3 };
const textOf = (ending: Ending): string => new TextDecoder().decode(lineOf(ending));

t.test("a line is what was remembered", (t) => {
  t.strictSame(endingsIn(textOf(ENDING)), [ENDING]);
  t.end();
});

t.test("a line is never longer than it may be: long texts are cut, then left out", (t) => {
  const signal = { signal: 15, at: 1, pid: 2, name: "n".repeat(15) };
  const long: Ending = {
    ...ENDING,
    id: "i".repeat(255),
    error: "ä".repeat(5000),
    next: "n".repeat(300),
    cgroup: "c".repeat(300),
    signals: Array.from({ length: 30 }, () => signal),
  };
  const [kept] = endingsIn(textOf(long));
  t.ok((lineOf(long)?.length ?? 0) <= LONGEST_LINE);
  t.match(kept, { id: long.id, status: 3 });
  const [shorter] = endingsIn(textOf({ ...long, id: "web", cgroup: "/c" }));
  t.match(shorter?.error, /^ä+…$/, "a part of the text is better than none");
  t.equal(lineOf({ ...ENDING, created: "x".repeat(LONGEST_LINE) }), undefined);
  t.end();
});

t.test("what is damaged is left out, and what follows a torn line is read", (t) => {
  const whole = textOf(ENDING);
  const torn = whole.slice(0, 20);
  for (const text of [`${torn}${whole}`, `\n\n${whole}`, `nonsense\n${whole}{`, `{"id":5}\n${whole}[]`]) {
    t.strictSame(endingsIn(text), [ENDING], JSON.stringify(text));
  }
  for (const wrong of [
    { status: "3" },
    { signals: 5 },
    { signals: [{}] },
    { left: [5] },
    { at: undefined },
  ]) {
    t.strictSame(endingsIn(JSON.stringify({ ...ENDING, ...wrong })), []);
  }
  t.match(endingsIn(JSON.stringify({ ...ENDING, new: { of: "a later version" } })), [ENDING]);
  t.end();
});

t.test("lines about one container are one: who has waited for it knows how it ended", (t) => {
  const waited: Ending = { ...ENDING, by: "shim" };
  const deleted: Ending = {
    id: "web",
    created: "c",
    at: 9,
    by: "delete",
    oomKills: 2,
    signal: 9,
    isStarted: true,
  };
  const [one, ...others] = merged([{ ...ENDING, id: "other" }, waited, deleted]).reverse();
  t.match(one, {
    id: "web",
    at: 9,
    by: "delete",
    status: 3,
    signal: undefined,
    oomKills: 2,
    isStarted: true,
  });
  t.equal(others.length, 1);
  const shot: Ending = { id: "web", created: "c", at: 5, by: "run", signal: 15 };
  t.match(merged([shot, { ...ENDING, at: 9 }]), [{ at: 9, signal: 15, status: undefined }], "never both");
  const again: Ending = { ...ENDING, created: "later", status: 0 };
  t.strictSame(
    merged([ENDING, again]).map(({ status }) => status),
    [3, 0],
    "the same id, another container",
  );
  const many = Array.from({ length: MOST_ENDINGS + 1 }, (_, index) => ({ ...ENDING, id: `${index}` }));
  t.strictSame([merged(many).length, merged(many)[0]?.id], [MOST_ENDINGS, "1"]);
  t.end();
});

t.test("notes of signals", (t) => {
  const note = signalNote({ at: 1_795_911_223_538, pid: 7006, name: "a b" });
  t.strictSame(signalledIn("signal-9", note), { signal: 9, at: 1_795_911_223_000, pid: 7006, name: "a b" });
  for (const [name, text] of [
    ["signal-x", note],
    ["signal-0", note],
    ["signal-9", ""],
    ["signal-9", "x y z"],
  ]) {
    t.equal(signalledIn(name ?? "", text ?? ""), undefined);
  }
  t.strictSame([0, 9, 15, 17, 18, 19, 23, 28, 37].filter(mayEnd), [9, 15, 37]);
  t.end();
});
