// Pages of help for narrow terminals.

import t from "tap";
import { columnsFor, fitted } from "../../../src/cli/fit.ts";

t.test("a page is as wide as the terminal, within what can be read", async (t) => {
  t.equal(columnsFor(undefined), 110);
  t.equal(columnsFor(200), 110);
  t.equal(columnsFor(80), 80);
  t.equal(columnsFor(20), 50);
});

const PAGE = `NAME:
   x - does a thing

DESCRIPTION:
   These words are longer than sixty columns, so that they have to be laid out anew.
   And these belong to the same paragraph.

   EXAMPLE:
       # x --with --flags`;

t.test("what fits stays as it is", async (t) => {
  t.equal(fitted(PAGE, undefined), PAGE);
  t.equal(fitted(PAGE, 100), PAGE);
});

t.test("paragraphs are laid out anew, examples are not", async (t) => {
  const page = fitted(PAGE, 60);
  t.ok(page.split("\n").every((line) => line.length <= 60));
  t.match(page, "   These words are longer than sixty columns, so that they");
  t.match(page, /\n {7}# x --with --flags$/);
  t.match(page, "NAME:\n   x - does a thing");
  t.equal(page.replaceAll(/\s+/g, " "), PAGE.replaceAll(/\s+/g, " "), "no word is lost");
});
