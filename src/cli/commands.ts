// Which file of src/cli/commands/ is which command. Only the one that was called is loaded: with the options
// of all others, it took as long to load as the rest of the program. Pure.

import { nearestWord } from "../spec/nearest.ts";
import type { Command } from "./options.ts";
import { UsageError } from "./usage-error.ts";

/** In the order in which `--help` lists them. */
const NAMES = [
  "checkpoint",
  "create",
  "delete",
  "events",
  "exec",
  "kill",
  "list",
  "pause",
  "ps",
  "restore",
  "resume",
  "run",
  "spec",
  "start",
  "state",
  "update",
  "validate",
  "explain",
  "features",
  "completion",
] as const;

/** No table of functions: every command would make all of them. */
function load(name: (typeof NAMES)[number]): Promise<{ readonly command: Command }> {
  switch (name) {
    case "checkpoint":
      return import("./commands/checkpoint.ts");
    case "create":
      return import("./commands/create.ts");
    case "delete":
      return import("./commands/delete.ts");
    case "events":
      return import("./commands/events.ts");
    case "exec":
      return import("./commands/exec.ts");
    case "kill":
      return import("./commands/kill.ts");
    case "list":
      return import("./commands/list.ts");
    case "pause":
      return import("./commands/pause.ts");
    case "ps":
      return import("./commands/ps.ts");
    case "restore":
      return import("./commands/restore.ts");
    case "resume":
      return import("./commands/resume.ts");
    case "run":
      return import("./commands/run.ts");
    case "spec":
      return import("./commands/spec.ts");
    case "start":
      return import("./commands/start.ts");
    case "state":
      return import("./commands/state.ts");
    case "update":
      return import("./commands/update.ts");
    case "validate":
      return import("./commands/validate.ts");
    case "explain":
      return import("./commands/explain.ts");
    case "features":
      return import("./commands/features.ts");
    case "completion":
      return import("./commands/completion.ts");
  }
}

/** The command of this name. Throws, with runc's words and exit status and what may have been meant. */
export async function findCommand(name: string): Promise<Command> {
  const known = NAMES.find((candidate) => candidate === name);
  if (known !== undefined) return (await load(known)).command;
  const nearest = suggestion(name);
  const question = nearest === undefined ? "" : `: unknown command, did you mean "${nearest}"?`;
  throw new UsageError(`No help topic for '${name}'${question}`, { exitStatus: 3 });
}

/** All of them, for what speaks of all: help, manual pages, completion. */
export function loadCommands(): Promise<readonly Command[]> {
  return Promise.all(NAMES.map(async (name) => (await load(name)).command));
}

/** Letters in the wrong order are likelier than a wrong letter: "staet" is "state" before it is "start". */
function suggestion(name: string): string | undefined {
  return NAMES.find((candidate) => letters(candidate) === letters(name)) ?? nearestWord(name, NAMES);
}

function letters(word: string): string {
  return [...word].sort().join("");
}
