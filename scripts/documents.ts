// Writes manual pages and completion scripts, made from the table of commands. Called by `make build`:
// bun scripts/documents.ts [DIRECTORY]

import { COMMANDS } from "../src/cli/commands.ts";
import { completionScript } from "../src/cli/completion/script.ts";
import { manPages } from "../src/cli/man.ts";

const directory = process.argv[2] ?? `${import.meta.dir}/../dist`;

const files = [
  ...manPages(COMMANDS).map(({ file, text }) => [`man/${file}`, text] as const),
  ["completions/tsrun.bash", completionScript("bash", "tsrun", COMMANDS)] as const,
  ["completions/_tsrun", completionScript("zsh", "tsrun", COMMANDS)] as const,
  ["completions/tsrun.fish", completionScript("fish", "tsrun", COMMANDS)] as const,
];
for (const [path, text] of files) await Bun.write(`${directory}/${path}`, text);
