// Extended regular expressions as regex(7) has them.

import t from "tap";
import { extendedRegExp } from "../../../src/cli/extended-regexp.ts";

const MATCHES: readonly (readonly [expression: string, text: string, matches: boolean])[] = [
  ["web", "my-web-1", true],
  ["^web$", "web-1", false],
  ["^web-[0-9]+$", "web-12", true],
  ["^(a|b)c?$", "bc", true],
  ["^a{2,3}$", "aaaa", false],
  ["^[[:digit:][:upper:]]+$", "A1", true],
  ["^[[:digit:][:upper:]]+$", "a1", false],
  ["^[^[:space:]]$", " ", false],
  ["^[]a]+$", "a]", true],
  ["^[^]a]$", "]", false],
  // In brackets a backslash is one, and a bracket as well.
  ["^[\\d]$", "d", true],
  ["^[\\d]$", "\\", true],
  ["^[\\d]$", "1", false],
  ["^[a[]$", "[", true],
  ["^[a^]$", "^", true],
  // Outside, of letters no class is made.
  ["^\\d$", "1", false],
  ["^\\d$", "d", true],
  ["^a\\.b$", "axb", false],
  ["^a/b$", "a/b", true],
  ["", "anything", true],
];

for (const [expression, text, matches] of MATCHES) {
  t.test(`"${expression}" ${matches ? "matches" : "does not match"} "${text}"`, async (t) => {
    t.equal(extendedRegExp(expression).test(text), matches);
  });
}

t.test("what is none is refused, with the reason", async (t) => {
  const words: readonly (readonly [string, RegExp])[] = [
    ["[", /invalid regular expression "\[": a "\[" without its "\]"/],
    ["[[:x:]]", /there is no class "x"/],
    ["[[:toString:]]", /there is no class "toString"/],
    ["a\\", /a backslash at its end/],
    ["(?=a)", /"\?" has nothing before it/],
    ["(", /invalid regular expression/],
    ["*a", /invalid regular expression/],
  ];
  for (const [expression, message] of words) {
    t.throws(() => extendedRegExp(expression), { code: "E_USAGE", message }, expression);
  }
});
