// The table of commands as completion needs it: names with dashes, and the possible values. Pure.

import { globalOptions, versionOption } from "../flags.ts";
import type { Command, OptionTable, Words } from "../options.ts";

export interface CompletableOption {
  /** `--bundle`, `-b` */
  readonly names: readonly string[];
  readonly describe: string;
  /** `undefined` for a switch, `"anything"` if there is nothing to propose. */
  readonly value: Words | "anything" | undefined;
  readonly repeats: boolean;
}

export interface Completable {
  readonly name: string;
  readonly describe: string;
  readonly own: readonly CompletableOption[];
  /** The command's options, the global ones and `--help`. */
  readonly options: readonly CompletableOption[];
  /** By position. */
  readonly args: readonly Words[];
  /** No word after the first argument is an option. */
  readonly stops: boolean;
}

export interface Completion {
  readonly program: string;
  /** Accepted before the command. */
  readonly globals: readonly CompletableOption[];
  readonly commands: readonly Completable[];
}

const HELP: CompletableOption = {
  names: ["--help", "-h"],
  describe: "show help",
  value: undefined,
  repeats: false,
};

function optionsOf(table: OptionTable): CompletableOption[] {
  return Object.entries(table)
    .filter(([, { hidden }]) => hidden !== true)
    .map(([name, { alias, describe, type, words, array }]) => ({
      names: alias === undefined ? [`--${name}`] : [`--${name}`, `-${alias}`],
      describe,
      value: type === "boolean" ? undefined : (words ?? "anything"),
      repeats: array === true,
    }));
}

/** Adds the global options; a command's option hides a global one of the same name. */
function withGlobals(table: OptionTable): OptionTable {
  const others = Object.entries(globalOptions).filter(([name]) => !Object.hasOwn(table, name));
  return { ...table, ...Object.fromEntries(others) };
}

export function completionOf(program: string, commands: readonly Command[]): Completion {
  return {
    program,
    globals: [...optionsOf({ ...globalOptions, ...versionOption }), HELP],
    commands: [...commands.map(completable), HELP_COMMAND],
  };
}

function completable({ name, describe, options, argWords, stopAfterFirstArg }: Command): Completable {
  return {
    name,
    describe,
    own: optionsOf(options),
    options: [...optionsOf(withGlobals(options)), HELP],
    args: argWords ?? [],
    stops: stopAfterFirstArg === true,
  };
}

/** It has no file of its own: src/main.ts answers it. */
const HELP_COMMAND: Completable = {
  name: "help",
  describe: "show the help of a command",
  own: [],
  options: [],
  args: ["command"],
  stops: false,
};
