// The table of commands, each declared in a file of src/cli/commands/. Pure.

import { nearestWord } from "../spec/nearest.ts";
import { command as check } from "./commands/check.ts";
import { command as checkpoint } from "./commands/checkpoint.ts";
import { command as completion } from "./commands/completion.ts";
import { command as create } from "./commands/create.ts";
import { command as deleteCommand } from "./commands/delete.ts";
import { command as diff } from "./commands/diff.ts";
import { command as events } from "./commands/events.ts";
import { command as exec } from "./commands/exec.ts";
import { command as explain } from "./commands/explain.ts";
import { command as features } from "./commands/features.ts";
import { command as gc } from "./commands/gc.ts";
import { command as kill } from "./commands/kill.ts";
import { command as list } from "./commands/list.ts";
import { command as mounts } from "./commands/mounts.ts";
import { command as pause } from "./commands/pause.ts";
import { command as ps } from "./commands/ps.ts";
import { command as record } from "./commands/record.ts";
import { command as restore } from "./commands/restore.ts";
import { command as resume } from "./commands/resume.ts";
import { command as run } from "./commands/run.ts";
import { command as spec } from "./commands/spec.ts";
import { command as start } from "./commands/start.ts";
import { command as state } from "./commands/state.ts";
import { command as top } from "./commands/top.ts";
import { command as update } from "./commands/update.ts";
import { command as validate } from "./commands/validate.ts";
import { command as why } from "./commands/why.ts";
import type { Command } from "./options.ts";
import { UsageError } from "./usage-error.ts";

/** In the order in which `--help` lists them. */
export const COMMANDS: readonly Command[] = [
  checkpoint,
  create,
  deleteCommand,
  events,
  exec,
  kill,
  list,
  mounts,
  pause,
  ps,
  restore,
  resume,
  run,
  spec,
  start,
  state,
  update,
  validate,
  why,
  gc,
  check,
  diff,
  explain,
  record,
  features,
  top,
  completion,
];

/** The command of this name. Otherwise throws runc's error text and exit status, with what may be meant. */
export function findCommand(name: string): Command {
  const found = COMMANDS.find((command) => command.name === name);
  if (found !== undefined) return found;
  const nearest = Object.hasOwn(ELSEWHERE, name) ? ELSEWHERE[name] : suggestion(name);
  const question = nearest === undefined ? "" : `: unknown command, did you mean "${nearest}"?`;
  const hint = Object.hasOwn(WITHOUT_COMMAND, name) ? WITHOUT_COMMAND[name] : undefined;
  throw new UsageError(`No help topic for '${name}'${question}`, { exitStatus: 3, hint });
}

/** Names that other programs have for our commands: Docker, Podman, and coreutils. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  ...{ ls: "list", stat: "state", status: "state", inspect: "state", info: "state" },
  ...{ rm: "delete", remove: "delete", destroy: "delete", stop: "kill", unpause: "resume", prune: "gc" },
  ...{ stats: "top", init: "create", config: "spec", version: "--version" },
};

/** What a hint says beside that, or where there is no such command. */
const WITHOUT_COMMAND: Readonly<Record<string, string>> = {
  rm: '"delete --force" ends a container that runs, and removes it',
  stop: '"kill ID TERM" asks the first process to end, "kill ID KILL" ends it',
  logs: "what a container prints goes to the streams that its create or run was given, and is kept nowhere",
  attach: '"exec --tty ID sh" starts a shell in a container; its own terminal is its caller\'s',
  restart: 'a container starts once: "delete" it, then "run" it again',
  pull: "bundles are made from images by others: umoci, skopeo, containerd, Podman",
  build: "bundles are made from images by others: umoci, skopeo, containerd, Podman",
};

/** Swapped letters are likelier than a wrong letter: for "staet" it proposes "state" before "start". */
function suggestion(name: string): string | undefined {
  const names = COMMANDS.map((command) => command.name);
  return names.find((candidate) => letters(candidate) === letters(name)) ?? nearestWord(name, names);
}

function letters(word: string): string {
  return [...word].sort().join("");
}
