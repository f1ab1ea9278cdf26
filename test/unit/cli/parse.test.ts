// The grammar of flags: that of Go's package flag, which runc's callers rely on.

import t from "tap";
import type { OptionTable } from "../../../src/cli/options.ts";
import { checkArgCount, parseLine, valuesOf } from "../../../src/cli/parse.ts";

const table = {
  bundle: { type: "string", alias: "b", describe: "" },
  "no-pivot": { type: "boolean", describe: "" },
  "preserve-fds": { type: "number", describe: "", default: 0 },
  env: { type: "string", alias: "e", array: true, describe: "" },
  format: { type: "string", alias: "f", describe: "", default: "table" },
  secret: { type: "boolean", describe: "", hidden: true },
} as const satisfies OptionTable;

function parse(...words: string[]) {
  const { given, args, help } = parseLine(words, { tables: [table] });
  return { values: Object.fromEntries(given[0] ?? []), args, help };
}

t.test("a value follows its flag or an equals sign, behind one dash or two", async (t) => {
  for (const words of [
    ["--bundle", "/x"],
    ["--bundle=/x"],
    ["-bundle", "/x"],
    ["-bundle=/x"],
    ["-b", "/x"],
    ["-b=/x"],
  ]) {
    t.same(parse(...words, "id"), { values: { bundle: "/x" }, args: ["id"], help: false }, words.join(" "));
  }
});

t.test("flags may stand before, between and behind the arguments", async (t) => {
  t.same(parse("a", "-no-pivot", "b", "--bundle", "/x"), {
    values: { "no-pivot": true, bundle: "/x" },
    args: ["a", "b"],
    help: false,
  });
});

t.test("the last value counts, but those of a list are collected and not split", async (t) => {
  t.same(parse("-b", "/x", "-e", "A=1,2", "--bundle=/y", "--env", "B="), {
    values: { bundle: "/y", env: ["A=1,2", "B="] },
    args: [],
    help: false,
  });
});

t.test("a boolean takes a value only behind an equals sign", async (t) => {
  t.same(parse("--no-pivot", "false").args, ["false"]);
  for (const [text, value] of Object.entries({
    false: false,
    F: false,
    "0": false,
    true: true,
    T: true,
    "1": true,
  })) {
    t.equal(parse(`--no-pivot=${text}`).values["no-pivot"], value, text);
  }
  const message = 'invalid boolean value "maybe" for -no-pivot: parse error';
  t.throws(() => parse("--no-pivot=maybe"), { message, heading: `Incorrect Usage: ${message}` });
});

t.test("numbers are whole and decimal", async (t) => {
  t.equal(parse("--preserve-fds", "3").values["preserve-fds"], 3);
  t.equal(parse("--preserve-fds=-3").values["preserve-fds"], -3);
  for (const text of ["x", "", "3.5", "1e3", "99999999999999999999"]) {
    const message = `invalid value "${text}" for flag -preserve-fds: parse error`;
    t.throws(() => parse(`--preserve-fds=${text}`), { message }, text);
  }
});

t.test("a flag's value may look like a flag, and a lone dash is an argument", async (t) => {
  t.same(parse("--bundle", "--no-pivot", "-"), {
    values: { bundle: "--no-pivot" },
    args: ["-"],
    help: false,
  });
  t.same(parse("--bundle="), { values: { bundle: "" }, args: [], help: false });
});

t.test("two dashes end the flags", async (t) => {
  t.same(parse("--no-pivot", "--", "--bundle", "--"), {
    values: { "no-pivot": true },
    args: ["--bundle", "--"],
    help: false,
  });
});

t.test("nothing is a flag after as many arguments as the grammar says", async (t) => {
  const line = parseLine(["--no-pivot", "id", "-b", "--", "x"], { tables: [table], stopAfterArgs: 1 });
  t.same(line.args, ["id", "-b", "--", "x"]);
});

t.test("an option of the command hides the global one of the same name", async (t) => {
  const globals = {
    format: { type: "boolean", describe: "" },
    debug: { type: "boolean", describe: "" },
  } as const;
  const { given } = parseLine(["--debug", "--format", "json"], { tables: [table, globals] });
  t.same(
    given.map((values) => Object.fromEntries(values)),
    [{ format: "json" }, { debug: true }],
  );
});

t.test("help is asked for in four spellings", async (t) => {
  for (const word of ["-h", "--h", "-help", "--help"]) t.equal(parse("id", word).help, true, word);
});

t.test("what cannot be understood has runc's words, and the help is to be shown", async (t) => {
  const cases: [string[], string][] = [
    [["--bundle"], "flag needs an argument: --bundle"],
    [["id", "-b"], "flag needs an argument: -b"],
    [["--x"], "flag provided but not defined: -x"],
    [["-x=1"], "flag provided but not defined: -x"],
    [["-bf"], "flag provided but not defined: -bf"],
    [["-9"], "flag provided but not defined: -9"],
    [["--constructor"], "flag provided but not defined: -constructor"],
    [["---bundle"], "bad flag syntax: ---bundle"],
    [["--=x"], "bad flag syntax: --=x"],
  ];
  for (const [words, message] of cases) {
    const heading = `Incorrect Usage: ${message}`;
    t.throws(() => parse(...words), { code: "E_USAGE", message, heading, exitStatus: 1 }, words.join(" "));
  }
});

t.test("a misspelt flag is answered with the nearest, if it is not a hidden one", async (t) => {
  t.throws(() => parse("--bundel"), {
    message: "flag provided but not defined: -bundel, did you mean --bundle?",
  });
  t.throws(() => parse("--secrett"), { message: "flag provided but not defined: -secrett" });
});

t.test("values that were not given are the defaults", async (t) => {
  t.same(valuesOf(table, new Map([["bundle", "/x"]])), {
    bundle: "/x",
    "no-pivot": false,
    "preserve-fds": 0,
    env: [],
    format: "table",
    secret: false,
  });
});

t.test("a wrong number of arguments has runc's words", async (t) => {
  const check = (count: number, min: number, max: number) => () =>
    checkArgCount(Array(count).fill("x"), { name: "kill", min, max, program: "/usr/bin/tsrun" });
  const heading = "Incorrect Usage.";
  t.doesNotThrow(check(1, 1, 2));
  t.throws(check(0, 1, 1), { message: '/usr/bin/tsrun: "kill" requires exactly 1 argument(s)', heading });
  t.throws(check(0, 1, 2), {
    message: '/usr/bin/tsrun: "kill" requires a minimum of 1 argument(s)',
    heading,
  });
  t.throws(check(3, 1, 2), {
    message: '/usr/bin/tsrun: "kill" requires a maximum of 2 argument(s)',
    heading,
  });
});

t.test("a command may have more words than a function takes arguments", async (t) => {
  const words = Array.from({ length: 200_000 }, (_, index) => `w${index}`);
  t.strictSame(parseLine(["id", ...words], { tables: [{}], stopAfterArgs: 1 }).args, ["id", ...words]);
});
