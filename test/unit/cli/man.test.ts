// The manual pages: they contain everything in the table, and both man-page formatters accept them.

import { spawnSync } from "node:child_process";
import t from "tap";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { manPages } from "../../../src/cli/man.ts";
import { KEYS } from "../../../src/spec/annotations.ts";

const EDITION = { version: "1.2.3", date: "2026-01-31" };
const pages = manPages(COMMANDS, EDITION);

/** A page as groff or mandoc show it, without overstriking. */
function reader(command: string, args: readonly string[], text: string) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { input: text, encoding: "utf8" });
  return { missing: error !== undefined, status, stdout, stderr };
}

t.test(
  "there is a page for the program, one for each command, and one for the shim, the same every time",
  async (t) => {
    t.strictSame(
      pages.map(({ file }) => file),
      ["tsrun.8", ...COMMANDS.map(({ name }) => `tsrun-${name}.8`), "containerd-shim-tsrun-v2.8"],
    );
    t.strictSame(manPages(COMMANDS, EDITION), pages);
  },
);

t.test("every page says of which version it is, and of which day", async (t) => {
  for (const { file, text } of pages) t.match(text, /^\.TH \S+ 8 "2026-01-31" "tsrun 1\.2\.3" /m, file);
});

t.test("every option that is shown is on its command's page", async (t) => {
  for (const { name, options } of COMMANDS) {
    const text = pages.find(({ file }) => file === `tsrun-${name}.8`)?.text ?? "";
    for (const [option, { hidden }] of Object.entries(options)) {
      const tag = `\\fB\\-\\-${option.replaceAll("-", "\\-")}\\fR`;
      t.equal(text.includes(tag), hidden !== true, `${name} --${option}`);
    }
    t.match(text, /^\.SH DESCRIPTION$/m);
    t.match(text, /^\.BR tsrun \(8\)$/m);
  }
});

t.test("the program's page tells of every annotation that means something", async (t) => {
  const [{ text } = { text: "" }] = pages;
  for (const key of Object.values(KEYS)) t.ok(text.includes(`.B ${key.replaceAll("-", "\\-")}`), key);
});

t.test("the shim's page has all words of its command line", async (t) => {
  const { text } = pages.at(-1) ?? { text: "" };
  for (const word of ["start", "delete", "namespace", "id", "address", "bundle", "debug", "info", "v"]) {
    t.match(text, new RegExp(`^\\.B (\\\\-)?${word}\\b`, "m"), word);
  }
});

const noMan = reader("man", ["--version"], "").missing;
t.test("man shows them without a warning", { skip: noMan && "needs man (package man-db)" }, async (t) => {
  for (const { file, text } of pages) {
    const { stdout, stderr } = reader("man", ["--warnings", "--local-file", "-"], text);
    t.equal(stderr, "", file);
    t.match(stdout, "SYNOPSIS", file);
  }
});

const noMandoc = reader("mandoc", ["-T", "lint"], "").missing;
t.test("mandoc finds fault with none", { skip: noMandoc && "needs mandoc (package mandoc)" }, async (t) => {
  for (const { file, text } of pages) {
    const { stdout, stderr } = reader("mandoc", ["-T", "lint", "-W", "warning"], text);
    // A date would make the page differ with every build.
    const faults = `${stdout}${stderr}`
      .split("\n")
      .filter((line) => line !== "" && !/missing date/.test(line));
    t.strictSame(faults, [], file);
  }
});
