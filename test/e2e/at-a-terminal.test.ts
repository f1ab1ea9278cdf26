// What a person at a terminal sees of a mistake, of a warning, and of a page of help.

import { behaviour, tsrunOnly } from "../support/behaviour.ts";
import { atTerminal, needsTerminal, seen } from "../support/terminal.ts";

const ONLY_TSRUN = tsrunOnly("it prints as to a pipe");

/** A wrapper around the runtime: a terminal of so many columns. */
const narrow = (columns: number): string[] => [
  ...atTerminal(),
  ...["sh", "-c", `stty cols ${columns}; exec "$@"`, "sh"],
];

behaviour(
  "a mistake in the command line is told in two lines, without the page of help",
  async (t, lab) => {
    for (const [words, line] of [
      [["create", "--bundel", "x"], /^tsrun: flag provided but not defined: -bundel, did you mean --bundle/],
      [["start"], /^tsrun: .*"start" requires exactly 1 argument\(s\)$/],
      [["rm", "x"], /^tsrun: No help topic for 'rm': unknown command, did you mean "delete"\?$/],
    ] as const) {
      const { shown, code } = seen(await lab.invokeBare([...words], { wrapper: atTerminal() }));
      const lines = shown.trimEnd().split(/\r?\n/);
      t.match(lines[0], line);
      t.equal(lines.length, 2, shown);
      t.match(lines[1], /^ {2}(see "tsrun (create|start) --help"|"delete --force")/);
      t.equal(code, words[0] === "rm" ? 3 : 1);
    }
  },
  needsTerminal(),
  ONLY_TSRUN,
);

behaviour(
  "a warning is a sentence",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.process.capabilities = { bounding: ["CAP_SYS_ADMN"] };
    });
    const { shown } = seen(await box.run({ wrapper: atTerminal() }));
    t.match(shown, /^tsrun: warning: .*CAP_SYS_ADMN.*did you mean CAP_SYS_ADMIN\?\r?\n$/);
  },
  needsTerminal(),
  ONLY_TSRUN,
);

behaviour(
  "help is as wide as the terminal",
  async (t, lab) => {
    for (const columns of [60, 80, 200]) {
      for (const words of [["--help"], ["create", "--help"], ["update", "--help"]]) {
        const { shown, code } = seen(await lab.invokeBare(words, { wrapper: narrow(columns) }));
        t.equal(code, 0);
        const longest = Math.max(...shown.split(/\r?\n/).map((line) => line.length));
        t.ok(longest <= Math.min(columns, 110), `${words.join(" ")} at ${columns}: ${longest}`);
      }
    }
  },
  needsTerminal(),
  ONLY_TSRUN,
);
