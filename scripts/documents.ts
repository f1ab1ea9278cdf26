// Writes manual pages and completion scripts, made from the table of commands. Called by `make man`:
// bun scripts/documents.ts [DIRECTORY]

import packageJson from "../package.json" with { type: "json" };
import { COMMANDS } from "../src/cli/commands.ts";
import { completionScript } from "../src/cli/completion/script.ts";
import { manPages } from "../src/cli/man.ts";
import { originOf } from "./engine/origin.ts";

const root = `${import.meta.dir}/..`;
const directory = process.argv[2] ?? `${root}/dist`;

/** The date of SOURCE_DATE_EPOCH, or else of the commit; empty if neither is known. */
async function sourceDate(): Promise<string> {
  const given = process.env.SOURCE_DATE_EPOCH ?? "";
  if (given !== "") return new Date(Number(given) * 1000).toISOString().slice(0, 10);
  return (await originOf(root)).date;
}

const edition = { version: packageJson.version, date: await sourceDate() };
const files = [
  ...manPages(COMMANDS, edition).map(({ file, text }) => [`man/${file}`, text] as const),
  ["completions/tsrun.bash", completionScript("bash", "tsrun", COMMANDS)] as const,
  ["completions/_tsrun", completionScript("zsh", "tsrun", COMMANDS)] as const,
  ["completions/tsrun.fish", completionScript("fish", "tsrun", COMMANDS)] as const,
];
for (const [path, text] of files) await Bun.write(`${directory}/${path}`, text);
