// The folders of src/ as rooms: each begins with a file of its name, or with a README of a few lines that is
// true: the files that it names are there, and those that decide, by its words, load nothing that acts.

import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import t from "tap";
import { loadedWith, readSources } from "./source.ts";

const MAX_LINES = 24;

const sources = readSources("src");
const byPath = new Map(sources.map((file) => [file.path, file]));

function foldersAbove(path: string): string[] {
  const folder = dirname(path);
  return folder === "." ? [] : [folder, ...foldersAbove(folder)];
}

const folders = [...new Set(sources.flatMap(({ path }) => foldersAbove(path)))].sort();
const readmes = folders.map((folder) => join(folder, "README.md")).filter((path) => existsSync(path));

/** Files and folders between backticks: `plan.ts`, `v1/`, `src/rootfs/`, `docs/adding.md`. */
function namesIn(text: string): string[] {
  return [...text.matchAll(/`([\w./-]+(?:\.ts|\.c|\.md|\/))`/g)].map(([, name = ""]) => name);
}

/** What a README names is in its folder, unless it says where else. */
function pathOf(name: string, readme: string): string {
  return /^(src|docs|scripts|schemas|test)\//.test(name) ? name : join(dirname(readme), name);
}

/** The items of a README's list, without their dashes. */
function itemsOf(text: string): string[] {
  return text
    .split(/\n(?=- )|\n\n/)
    .filter((part) => part.startsWith("- "))
    .map((part) => part.slice(2));
}

t.test("every folder begins with a file of its name or a README", (test) => {
  const without = folders.filter(
    (folder) => !existsSync(join(folder, `${basename(folder)}.ts`)) && !existsSync(join(folder, "README.md")),
  );
  test.strictSame(without, []);
  test.end();
});

t.test("a README says what comes in and what goes out, and is short", (test) => {
  const faults = readmes.flatMap((path) => {
    const text = readFileSync(path, "utf8");
    const items = itemsOf(text);
    const missing = ["In: ", "Out: "].filter((word) => !items.some((item) => item.startsWith(word)));
    const { length } = text.split("\n");
    return [
      ...missing.map((word) => `${path}: no "${word.trim()}"`),
      ...(length > MAX_LINES ? [`${path}: ${length} lines`] : []),
    ];
  });
  test.strictSame(faults, []);
  test.end();
});

t.test("what a README names is there", (test) => {
  const missing = readmes.flatMap((path) =>
    namesIn(readFileSync(path, "utf8"))
      .filter((name) => !existsSync(pathOf(name, path)))
      .map((name) => `${path}: ${name}`),
  );
  test.strictSame(missing, []);
  test.end();
});

t.test("the files that decide, by a README, load nothing that does", (test) => {
  const faults = readmes.flatMap((readme) =>
    itemsOf(readFileSync(readme, "utf8"))
      .filter((item) => item.startsWith("Decide: "))
      .flatMap(namesIn)
      .map((name) => pathOf(name, readme))
      .filter((path) => path.endsWith(".ts") && loadedWith(path, byPath).has("native"))
      .map((path) => `${readme}: ${path}`),
  );
  test.strictSame(faults, []);
  test.end();
});
