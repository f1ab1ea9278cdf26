// The documents as a test: what they link to is there, and docs/conformance.md says what the
// results say.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import t from "tap";
import { page } from "../../scripts/conformance/report.ts";
import { compare, SUBJECT } from "../../scripts/conformance/store.ts";

const documents = [
  ...readdirSync(".").filter((name) => name.endsWith(".md")),
  ...readdirSync("docs", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
];

/** Targets of Markdown links, without what is elsewhere. */
function linksOf(text: string): string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
}

/** The headings of a document, as links name them. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

t.test("every link of a document leads somewhere", (test) => {
  const broken = documents.flatMap((document) =>
    linksOf(readFileSync(document, "utf8")).filter((link) => {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? document : join(dirname(document), path);
      if (!existsSync(target)) return true;
      return anchor !== undefined && !anchorsOf(readFileSync(target, "utf8")).includes(anchor);
    }),
  );
  test.strictSame(broken, []);
  test.end();
});

t.test("docs/conformance.md is what the results say", (test) => {
  const text = page(compare(SUBJECT));
  test.equal(readFileSync("docs/conformance.md", "utf8"), text, "make conformance-page writes it anew");
  test.end();
});
