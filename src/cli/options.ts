// Types for the declarations of commands and options: data in the part of yargs' option vocabulary that tsrun
// uses. src/cli/parse.ts reads the tables; src/cli/help.ts passes them to yargs. Pure.

import type { GlobalOptions } from "../container/options.ts";
import type { Actions } from "./actions.ts";
import type { Log } from "./log.ts";

/** An option, under its long name. */
export interface OptionDeclaration {
  readonly type: "string" | "boolean" | "number";
  readonly describe: string;
  /** The one-letter name. */
  readonly alias?: string;
  /** May be repeated, and all values count; otherwise the last one does. */
  readonly array?: true;
  /** A boolean for which it matters whether it was given. */
  readonly optional?: true;
  readonly default?: string | number;
  /** What `--help` shows instead of the default. */
  readonly defaultDescription?: string;
  /** Accepted, and not shown by `--help`. */
  readonly hidden?: true;
  /** The values that a shell proposes. */
  readonly words?: Words;
}

/** Values for completion: paths, containers of the state root, commands, or a few words. */
export type Words =
  | "file"
  | "directory"
  | "container"
  | "container or bundle"
  | "command"
  | readonly string[];

export type OptionTable = Readonly<Record<string, OptionDeclaration>>;

export type OptionValue = string | number | boolean | readonly string[];

type TypeOf<O extends OptionDeclaration> = O["type"] extends "number" ? number : string;

/**
 * An absent boolean is false, unless it is optional; other absent options without a default are `undefined`.
 */
export type ValueOf<O extends OptionDeclaration> = O["type"] extends "boolean"
  ? O extends { optional: true }
    ? boolean | undefined
    : boolean
  : O extends { array: true }
    ? readonly string[]
    : O extends { default: string | number }
      ? TypeOf<O>
      : TypeOf<O> | undefined;

/** The values that a table of options gives, by long name. */
export type Values<T extends OptionTable> = { readonly [K in keyof T]: ValueOf<T[K]> };

/** The global options, and other facts that every command may use. */
export interface Globals extends GlobalOptions {
  /** Whether `root` is the default, which need not exist. */
  readonly rootIsDefault: boolean;
  readonly log: Log;
}

/** What a command needs from the host before its story begins. */
export interface CommandHost {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Our pid. */
  readonly pid: number;
  cwd(): string;
  /** Columns of standard output; `undefined` if it is no terminal. */
  terminalWidth(): number | undefined;
  /** To stdout. */
  print(text: string): void;
  /** To stderr; for messages of a command that succeeds. */
  printError(text: string): void;
  /** Makes the state root, if it needs a special mode. */
  prepareRoot(globals: Globals): void;
}

/** The arguments of a command. */
export interface Invocation<T extends OptionTable> {
  readonly globals: Globals;
  readonly host: CommandHost;
  readonly actions: Actions;
  readonly options: Values<T>;
  /** The words that are no options: first the container's id, if the command takes one. */
  readonly args: readonly string[];
  /** All commands, for completion and help. */
  readonly commands: readonly Command[];
  /** The program's name. */
  readonly program: string;
}

export interface Command<T extends OptionTable = OptionTable> {
  readonly name: string;
  /** runc has no command of this name. */
  readonly notOfRunc?: true;
  /** One line, for the list of commands. */
  readonly describe: string;
  /** The arguments as `--help` shows them: `<container-id>`. */
  readonly usage: string;
  /** Paragraphs for `--help`; `$0` becomes the program's name. */
  readonly details: string;
  readonly args: { readonly min: number; readonly max: number };
  /** The values that a shell proposes for the arguments, by position. */
  readonly argWords?: readonly Words[];
  /** Words after the first argument are never options: they belong to the program to run. */
  readonly stopAfterFirstArg?: true;
  /** The exit status of the command's own failures, if it is not 1. */
  readonly failureStatus?: number;
  readonly options: T;
  /** Runs the command and returns the exit status. */
  // A method, not a function property: commands of any table must fit into one list.
  run(invocation: Invocation<T>): number;
}

/** Declares a command; the types of its option values follow from its table. */
export function defineCommand<const T extends OptionTable>(command: Command<T>): Command<T> {
  return command;
}
