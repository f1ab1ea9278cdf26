// Checks the documents: their links lead somewhere, and what they name of the sources is there;
// docs/conformance.md, README's table and docs/bench.md agree with the results; docs/spec-conformance.md
// names a proof for everything that it calls supported.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import t from "tap";
import type { Outcomes } from "../../scripts/conformance/outcomes.ts";
import { page } from "../../scripts/conformance/report.ts";
import { compare, loadRuns, SUBJECT } from "../../scripts/conformance/store.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { globalOptions } from "../../src/cli/flags.ts";
import { KEYS } from "../../src/spec/generated/keys.ts";
import { chart } from "../bench/chart.ts";
import { page as benchPage, renewReadme } from "../bench/page.ts";
import { readResults } from "../bench/results.ts";
import { explainPicture } from "../page/pictures.ts";
import { renewErrorsPage } from "../support/errors-page.ts";
import { readNativeSources, readSources } from "./source.ts";

const documents = [
  ...readdirSync(".").filter((name) => name.endsWith(".md")),
  ...readdirSync("docs", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
];

/** Targets of Markdown links, except those to other sites. */
function linksOf(text: string): string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z]+:/.test(target));
}

/** The anchors of a document's headings. */
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

/** What a document has between backticks. */
function codeIn(text: string): string[] {
  const prose = text.replace(/^```[\s\S]*?^```/gm, "");
  return [...prose.matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code);
}

const files = [...readSources("src", "test", "scripts"), ...readNativeSources("src", "test")];

t.test("the files of the source that a document names are there", (test) => {
  const paths = files.map(({ path }) => `/${path}`);
  const isThere = (name: string): boolean => paths.some((path) => path.endsWith(`/${name}`));
  const missing = documents.flatMap((document) =>
    codeIn(readFileSync(document, "utf8"))
      .flatMap((code) => code.match(/(?<![\w./*-])[a-z][\w./-]*\.(?:ts|c)(?![\w.])/g) ?? [])
      .filter((name) => !name.includes("NAME") && !isThere(name))
      .map((name) => `${document}: ${name}`),
  );
  test.strictSame(missing, []);
  test.end();
});

t.test("the functions and tables that the tour and the page for additions name are there", (test) => {
  const schemas = readdirSync("schemas").map((name) => readFileSync(join("schemas", name), "utf8"));
  const text = [...files.map(({ lines }) => lines.join("\n")), ...schemas].join("\n");
  const words = new Set(text.match(/[A-Za-z_]\w*/g));
  const missing = ["docs/ARCHITECTURE.md", "docs/adding.md"].flatMap((document) =>
    codeIn(readFileSync(document, "utf8"))
      .filter((code) => /^#?([a-z]+[A-Z]\w*|[A-Z][A-Z_]{3,})$/.test(code) && code !== "CHANGELOG")
      .filter((name) => !words.has(name.replace("#", "")))
      .map((name) => `${document}: ${name}`),
  );
  test.strictSame(missing, []);
  test.end();
});

t.test("docs/conformance.md is what the results say", (test) => {
  const text = page(compare(SUBJECT));
  test.equal(readFileSync("docs/conformance.md", "utf8"), text, "make conformance-page writes it anew");
  test.end();
});

t.test("README's table, docs/bench.md and its chart are what the results say", (test) => {
  const blocks = readResults();
  const again = "make bench-page writes it anew";
  const readme = readFileSync("README.md", "utf8");
  test.equal(readme, renewReadme(readme, blocks), again);
  const files = { "docs/bench.md": benchPage, "docs/bench.svg": chart };
  for (const [path, make] of Object.entries(files)) {
    test.equal(existsSync(path), blocks.length > 0, path);
    if (blocks.length > 0) test.equal(readFileSync(path, "utf8"), make(blocks), again);
  }
  test.end();
});

t.test("docs/explain.svg is what the page shows", (test) => {
  test.equal(readFileSync("docs/explain.svg", "utf8"), explainPicture(), "make pictures writes it anew");
  test.end();
});

t.test("docs/errors.md has the results that are checked in", (test) => {
  const page = readFileSync("docs/errors.md", "utf8");
  test.equal(page, renewErrorsPage(page), "SAVE=1 make test-e2e FILES=e2e/causes writes it anew");
  test.end();
});

/** Cells of the tables of a document. */
function rowsOf(path: string): string[][] {
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| ") && !/^\| -/.test(line))
    .map((line) =>
      line
        .split(/(?<!\\)\|/)
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

t.test("docs/errors.md names 30 troubles and more, each with words that its test expects", (test) => {
  const rows = rowsOf("docs/errors.md").filter((row) => row.length === 4 && row[3]?.startsWith("`e2e/"));
  test.ok(rows.length >= 30, `${rows.length}`);
  test.equal(new Set(rows.map(([trouble]) => trouble)).size, rows.length, "each once");
  const faults = rows.filter((row) => {
    const [command = "", words = "", file = ""] = row.slice(1).map((cell) => codeIn(cell)[0]);
    if (!/^(why|diff|check|gc)( --stuck)?$/.test(command) || words === "") return true;
    return !existsSync(`test/${file}`) || !readFileSync(`test/${file}`, "utf8").includes(words);
  });
  test.strictSame(faults, []);
  test.end();
});

/** The longest part of a message that is the same each time: not what is in quotes, nor after a colon. */
function fixedPart(message: string): string {
  // Where a system call fails, "cannot" is put before.
  const parts = message.split(/^cannot |["…:]/).map((part) => part.trim());
  return parts.reduce((longest, part) => (part.length > longest.length ? part : longest), "");
}

t.test("README's troubleshooting quotes errors as the sources have them", (test) => {
  const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.includes("generated"))
    .map((name) => readFileSync(join("src", name), "utf8"))
    .join("\n");
  const [, part = ""] = readFileSync("README.md", "utf8").split("## Troubleshooting");
  const rows = (part.split("\n## ")[0] ?? "").split("\n").filter((line) => line.startsWith("| `"));
  test.equal(rows.length, 10);
  // The errors of others say whose they are.
  const ours = rows
    .map((row) => row.split("|")[1] ?? "")
    .filter((cell) => !/, of (Docker|tsrun itself) *$/.test(cell));
  const quoted = ours.flatMap((cell) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, text = ""]) => fixedPart(text)),
  );
  test.strictSame(
    quoted.filter((text) => !sources.includes(text)),
    [],
  );
  test.end();
});

t.test(
  "every row of docs/spec-conformance.md that is supported names its proof, and the proof is there",
  (test) => {
    const outcomes = (part: string): Outcomes => loadRuns("runc").get(part)?.outcomes ?? new Map();
    const files = new Set([...outcomes("runc-bats").keys()].map((id) => id.split(" ")[0]));
    const scenarios = outcomes("docker-e2e");
    const faults = rowsOf("docs/spec-conformance.md").flatMap(([what = "", verdict = "", proof = ""]) => {
      if (verdict === "tsrun") return [];
      if (!/^(supported|differs|not)\b/.test(verdict)) return [`${what}: "${verdict}" is no verdict`];
      const bats = [...proof.matchAll(/`bats ([\w-]+)`/g)].map(([, name = ""]) => name);
      const docker = [...proof.matchAll(/`docker ([\w-]+)`/g)].map(([, name = ""]) => name);
      const missing = [
        ...bats.filter((name) => !files.has(name)),
        ...docker.filter((name) => !scenarios.has(name)),
      ];
      const links = linksOf(proof);
      const proven = links.length + bats.length + docker.length > 0 || verdict.startsWith("not");
      return [...missing.map((name) => `${what}: no ${name}`), ...(proven ? [] : [`${what}: no proof`])];
    });
    test.strictSame(faults, []);
    test.end();
  },
);

t.test(
  "docs/spec-conformance.md names every option of every command, and every member of config.json",
  async (test) => {
    const text = readFileSync("docs/spec-conformance.md", "utf8");
    const options = COMMANDS.flatMap(({ options: table }) => Object.keys(table).map((name) => `--${name}`));
    const types = ["Spec", "Root", "Process", "Hooks", "Linux", "Resources", "Seccomp", "Mount", "IntelRdt"];
    const members = types.flatMap((type) => Object.keys(KEYS[type] ?? {}));
    const words = new Set(text.match(/--[a-z][a-z0-9-]+|[A-Za-z]\w*/g));
    const global = Object.keys(globalOptions).map((name) => `--${name}`);
    test.strictSame(
      [...new Set([...global, ...options, ...members])].filter((name) => !words.has(name)),
      [],
    );
  },
);
