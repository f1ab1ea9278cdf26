// How commands and their options are declared: as data, in yargs' option vocabulary, of which this is the
// part in use. src/cli/parse.ts reads the tables; src/cli/help.ts hands them to yargs. Pure.

import type { GlobalOptions } from "../container/options.ts";
import type { Actions } from "./actions.ts";
import type { Log } from "./log.ts";

/** An option, under its long name. */
export interface OptionDeclaration {
  readonly type: "string" | "boolean" | "number";
  readonly describe: string;
  /** The one-letter name. */
  readonly alias?: string;
  /** May be repeated; every value counts. Without it the last one does. */
  readonly array?: true;
  /** A boolean for which it matters whether it was given. */
  readonly optional?: true;
  readonly default?: string | number;
  /** What `--help` shows in place of the default. */
  readonly defaultDescription?: string;
  /** Accepted, and not shown by `--help`. */
  readonly hidden?: true;
  /** What a shell completes its value with. */
  readonly words?: Words;
}

/** What can stand somewhere: paths, containers of the state root, commands, or a few words. */
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

/** A boolean that was not given is false, unless it is optional; all else without a default `undefined`. */
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

/** The global options, and what else every command may use. */
export interface Globals extends GlobalOptions {
  /** Whether `root` is the default, which need not exist. */
  readonly rootIsDefault: boolean;
  readonly log: Log;
}

/** What a command needs of the host before its story begins. */
export interface CommandHost {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Our pid. */
  readonly pid: number;
  cwd(): string;
  /** To stdout. */
  print(text: string): void;
  /** To stderr; for what is told beside a success. */
  printError(text: string): void;
  /** Makes the state root, where it has to be made in a way of its own. */
  prepareRoot(globals: Globals): void;
}

/** What a command is called with. */
export interface Invocation<T extends OptionTable> {
  readonly globals: Globals;
  readonly host: CommandHost;
  readonly actions: Actions;
  readonly options: Values<T>;
  /** What is no option: the container's id first, where the command takes one. */
  readonly args: readonly string[];
  /** All that there are, for what speaks of them. */
  readonly commands: readonly Command[];
  /** The name by which the program goes. */
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
  /** What a shell completes the arguments with, by their position. */
  readonly argWords?: readonly Words[];
  /** What follows the first argument is never an option: it belongs to the command to run. */
  readonly stopAfterFirstArg?: true;
  /** The exit status of a failure of the command's own, where it is not 1. */
  readonly failureStatus?: number;
  readonly options: T;
  /** Does it, and returns the exit status. */
  // A method, not a function property: commands of any table must fit into one list.
  run(invocation: Invocation<T>): number;
}

/** Declares a command; the types of its option values follow from its table. */
export function defineCommand<const T extends OptionTable>(command: Command<T>): Command<T> {
  return command;
}
