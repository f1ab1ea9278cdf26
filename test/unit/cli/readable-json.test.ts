// JSON that a person may see at a terminal.

import t from "tap";
import { readableJson } from "../../../src/cli/readable-json.ts";

t.test("what would give orders to a terminal is escaped, and nothing is lost", async (t) => {
  const value = { name: "a\u001b[2J\u009b2J\u007fb", list: ["\u2028", "ä", "\u0085"] };
  const json = readableJson(value);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  t.notMatch(json, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028]/);
  t.strictSame(JSON.parse(json), value);
  t.equal(
    json,
    `${JSON.stringify(value, null, 2)}\n`.replace(
      /[\x7f-\x9f\u2028]/g,
      (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
    ),
  );
});
