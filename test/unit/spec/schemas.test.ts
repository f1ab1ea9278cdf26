// The schema files themselves: their descriptions, and their agreement with other tables of the program.

import { readdirSync, readFileSync } from "node:fs";
import t from "tap";
import { RLIMITS } from "../../../src/linux/numbers/rlimits.ts";
import { NAMESPACE_KINDS } from "../../../src/namespaces/plan.ts";
import { PATTERN_WORDS } from "../../../src/spec/schema-check.ts";

interface Node {
  readonly description?: string;
  readonly pattern?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly enum?: readonly string[];
  readonly $defs?: Readonly<Record<string, Node>>;
}

const files = readdirSync("schemas");
const schemas = new Map(
  files.map((file) => [file, JSON.parse(readFileSync(`schemas/${file}`, "utf8")) as Node]),
);

/** Every object in a schema, with its place. */
function* nodes(value: unknown, at: string): Generator<[string, Node]> {
  if (typeof value !== "object" || value === null) return;
  yield [at, value as Node];
  for (const [key, member] of Object.entries(value)) yield* nodes(member, `${at}/${key}`);
}

const all = [...schemas].flatMap(([file, schema]) => [...nodes(schema, file)]);

t.test("every member has a description", async (t) => {
  const silent = all.flatMap(([at, { properties = {} }]) =>
    Object.entries(properties)
      .filter(([, member]) => typeof member === "object" && (member.description ?? "") === "")
      .map(([key]) => `${at}/${key}`),
  );
  t.strictSame(silent, []);
});

t.test("descriptions are sentences", async (t) => {
  const texts = all.flatMap(([, { description }]) => (typeof description === "string" ? [description] : []));
  t.ok(texts.length > 200, "there are many");
  t.strictSame(
    texts.filter((text) => !/^[A-Z0-9`-].*\.$/.test(text)),
    [],
  );
});

t.test("every pattern has words for who does not keep to it", async (t) => {
  const patterns = all.flatMap(([, { pattern }]) => (typeof pattern === "string" ? [pattern] : []));
  t.ok(patterns.length > 0);
  for (const pattern of patterns) t.type(PATTERN_WORDS[pattern], "string", pattern);
});

t.test("the lists of names are those the program works with", async (t) => {
  const list = (file: string, name: string): readonly string[] =>
    schemas.get(file)?.$defs?.[name]?.enum ?? [];
  t.strictSame(list("process.schema.json", "RlimitType"), Object.keys(RLIMITS));
  t.strictSame([...list("linux.schema.json", "NamespaceType")].sort(), [...NAMESPACE_KINDS].sort());
});
