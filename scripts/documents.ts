// Writes manual pages and completion scripts, made from the table of commands. Called by `make man`:
// bun scripts/documents.ts [DIRECTORY]

import { $ } from "bun";
import packageJson from "../package.json" with { type: "json" };
import { COMMANDS } from "../src/cli/commands.ts";
import { completionScript } from "../src/cli/completion/script.ts";
import { manPages } from "../src/cli/man.ts";

const root = `${import.meta.dir}/..`;
const directory = process.argv[2] ?? `${root}/dist`;

/** SOURCE_DATE_EPOCH, else that of the commit; empty outside a checkout. */
async function sourceDate(): Promise<string> {
  const given = process.env.SOURCE_DATE_EPOCH ?? "";
  if (given !== "") return new Date(Number(given) * 1000).toISOString().slice(0, 10);
  const shown = await $`git -C ${root} log -1 --format=%cs`.quiet().nothrow();
  return shown.exitCode === 0 ? shown.text().trim() : "";
}

const edition = { version: packageJson.version, date: await sourceDate() };
const files = [
  ...manPages(COMMANDS, edition).map(({ file, text }) => [`man/${file}`, text] as const),
  ["completions/tsrun.bash", completionScript("bash", "tsrun", COMMANDS)] as const,
  ["completions/_tsrun", completionScript("zsh", "tsrun", COMMANDS)] as const,
  ["completions/tsrun.fish", completionScript("fish", "tsrun", COMMANDS)] as const,
];
for (const [path, text] of files) await Bun.write(`${directory}/${path}`, text);
