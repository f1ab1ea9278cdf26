// Which file of src/cli/commands/ is which command. Only the one that was called is loaded: with the options
// of all others, it took as long to load as the rest of the program. Pure.

import { nearestWord } from "../spec/nearest.ts";
import type { Command } from "./options.ts";
import { UsageError } from "./usage-error.ts";

/** A new command has a line here and one in command-table.ts. */
const files: Readonly<Record<string, () => Promise<{ readonly command: Command }>>> = {
  checkpoint: () => import("./commands/checkpoint.ts"),
  create: () => import("./commands/create.ts"),
  delete: () => import("./commands/delete.ts"),
  events: () => import("./commands/events.ts"),
  exec: () => import("./commands/exec.ts"),
  kill: () => import("./commands/kill.ts"),
  list: () => import("./commands/list.ts"),
  pause: () => import("./commands/pause.ts"),
  ps: () => import("./commands/ps.ts"),
  restore: () => import("./commands/restore.ts"),
  resume: () => import("./commands/resume.ts"),
  run: () => import("./commands/run.ts"),
  spec: () => import("./commands/spec.ts"),
  start: () => import("./commands/start.ts"),
  state: () => import("./commands/state.ts"),
  update: () => import("./commands/update.ts"),
  validate: () => import("./commands/validate.ts"),
  explain: () => import("./commands/explain.ts"),
  features: () => import("./commands/features.ts"),
  completion: () => import("./commands/completion.ts"),
};

/** The command of this name. Throws, with runc's words and exit status and what may have been meant. */
export async function findCommand(name: string): Promise<Command> {
  const load = Object.hasOwn(files, name) ? files[name] : undefined;
  if (load !== undefined) return (await load()).command;
  const nearest = suggestion(name);
  const question = nearest === undefined ? "" : `: unknown command, did you mean "${nearest}"?`;
  throw new UsageError(`No help topic for '${name}'${question}`, { exitStatus: 3 });
}

/** Letters in the wrong order are likelier than a wrong letter: "staet" is "state" before it is "start". */
function suggestion(name: string): string | undefined {
  const names = Object.keys(files);
  return names.find((candidate) => letters(candidate) === letters(name)) ?? nearestWord(name, names);
}

function letters(word: string): string {
  return [...word].sort().join("");
}
