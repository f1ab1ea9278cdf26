// The table of commands, and what is declared in it.

import { readdirSync } from "node:fs";
import t from "tap";
import { COMMANDS, findCommand } from "../../../src/cli/commands.ts";
import { globalOptions } from "../../../src/cli/flags.ts";

t.test("commands are found by their name, each in the file of that name", async (t) => {
  for (const command of COMMANDS) t.equal(findCommand(command.name), command);
  const files = readdirSync("src/cli/commands").filter((name) => name.endsWith(".ts"));
  t.strictSame(COMMANDS.map(({ name }) => `${name}.ts`).sort(), files.sort());
});

t.test("an unknown command has runc's words and exit status, and the nearest one is named", async (t) => {
  t.throws(() => findCommand("foo"), {
    message: "No help topic for 'foo'",
    exitStatus: 3,
    heading: undefined,
  });
  for (const [given, meant] of Object.entries({
    staet: "state",
    crate: "create",
    feature: "features",
    lst: "list",
    ls: "list",
    stat: "state",
    rm: "delete",
    inspect: "state",
    version: "--version",
  })) {
    const message = `No help topic for '${given}': unknown command, did you mean "${meant}"?`;
    t.throws(() => findCommand(given), { message }, given);
  }
  t.throws(() => findCommand("logs"), { message: "No help topic for 'logs'", hint: /kept nowhere/ });
  t.throws(() => findCommand("constructor"), { message: "No help topic for 'constructor'", exitStatus: 3 });
});

t.test("every command and every option is described", async (t) => {
  for (const { name, describe, details, options } of COMMANDS) {
    t.match(describe, /^[a-z].*[^.]$/, name);
    t.match(details, /^[A-Z]/, name);
    // Lower case, but for a name such as CPU or AppArmor.
    for (const [option, { describe }] of Object.entries(options))
      t.notMatch(describe, /^(?!Intel)[A-Z][a-z]+ /, `${name} --${option}`);
  }
  for (const [option, { describe }] of Object.entries(globalOptions))
    t.match(describe, /^[a-z]/, `--${option}`);
});

t.test("no two options of a command share a letter, and none is -h", async (t) => {
  for (const { name, options } of COMMANDS) {
    const letters = Object.values(options).flatMap(({ alias }) => alias ?? []);
    t.equal(new Set(letters).size, letters.length, name);
    t.notOk(letters.includes("h"), name);
  }
});
