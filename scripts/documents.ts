// Writes manual pages and completion scripts, made from the table of commands. Called by `make build`:
// bun scripts/documents.ts [DIRECTORY]

import { loadCommands } from "../src/cli/commands.ts";
import { completionScript } from "../src/cli/completion/script.ts";
import { manPages } from "../src/cli/man.ts";

const directory = process.argv[2] ?? `${import.meta.dir}/../dist`;

const commands = await loadCommands();
const files = [
  ...manPages(commands).map(({ file, text }) => [`man/${file}`, text] as const),
  ["completions/tsrun.bash", completionScript("bash", "tsrun", commands)] as const,
  ["completions/_tsrun", completionScript("zsh", "tsrun", commands)] as const,
  ["completions/tsrun.fish", completionScript("fish", "tsrun", commands)] as const,
];
for (const [path, text] of files) await Bun.write(`${directory}/${path}`, text);
