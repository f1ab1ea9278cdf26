// Parses flags by the grammar of Go's package flag, since runc's callers rely on it: `--f v`, `--f=v`, one
// dash or two, `-b` for a short name, `--` ends the flags. Reads the tables of src/cli/options.ts. Uses plain
// loops, since every command runs this once with cold code. Pure.

import { nearestWord } from "../spec/nearest.ts";
import type { OptionDeclaration, OptionTable, OptionValue, Values } from "./options.ts";
import { UsageError } from "./usage-error.ts";

export interface Grammar {
  /** The tables of flags; the first one that has the name counts. */
  readonly tables: readonly OptionTable[];
  /** After this many arguments no word is a flag. If absent, flags may be anywhere. */
  readonly stopAfterArgs?: number | undefined;
}

export interface ParsedLine {
  /** The given values for each table, without defaults. */
  readonly given: readonly ReadonlyMap<string, OptionValue>[];
  readonly args: readonly string[];
  /** `--help` or `-h` was among the flags. */
  readonly help: boolean;
}

/** The last two are crun's. */
const HELP_FLAGS: readonly string[] = ["help", "h", "?", "usage"];

/** Splits a command line into option values and arguments. Throws a UsageError. */
export function parseLine(words: readonly string[], { tables, stopAfterArgs }: Grammar): ParsedLine {
  const given: Map<string, OptionValue>[] = [];
  for (let index = 0; index < tables.length; index++) given.push(new Map());
  const args: string[] = [];
  let help = false;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (args.length === stopAfterArgs || word === "--") {
      for (let rest = args.length === stopAfterArgs ? at : at + 1; rest < words.length; rest++) {
        args.push(words[rest] ?? "");
      }
      break;
    }
    if (word === "-" || !word.startsWith("-")) {
      args.push(word);
      continue;
    }
    const flag = splitFlag(word);
    let found: FoundOption | undefined;
    let index = 0;
    while (index < tables.length) {
      found = findOption(tables[index] ?? {}, flag.name);
      if (found !== undefined) break;
      index += 1;
    }
    const values = given[index];
    if (found !== undefined && values !== undefined) {
      const { name, option } = found;
      const value = flag.value ?? (option.type === "boolean" ? "true" : words[++at]);
      if (value === undefined) throw flagError(`flag needs an argument: ${word}`);
      values.set(name, combine(values.get(name), option, readValue(flag.name, option, value)));
    } else if (HELP_FLAGS.includes(flag.name)) {
      help = readBoolean("help", flag.value ?? "true");
    } else {
      throw unknownFlag(flag.name, tables);
    }
  }
  return { given, args, help };
}

/** The values of a table: the given ones, or else the defaults. */
export function valuesOf<T extends OptionTable>(
  table: T,
  given: ReadonlyMap<string, OptionValue> | undefined,
): Values<T> {
  const values = { ...defaultsOf(table) };
  if (given !== undefined) {
    for (const name of given.keys()) if (name in values) values[name] = given.get(name);
  }
  // The defaults follow the table, from which the type was computed.
  return values as Values<T>;
}

type Defaults = Record<string, OptionValue | undefined>;

const allDefaults = new Map<OptionTable, Defaults>();

/** The values if no option of a table is given. Kept, or each command would go through every option. */
export function defaultsOf(table: OptionTable): Readonly<Defaults> {
  let defaults = allDefaults.get(table);
  if (defaults === undefined) {
    defaults = {};
    for (const name in table) defaults[name] = valueWhenAbsent(table[name] as OptionDeclaration);
    allDefaults.set(table, defaults);
  }
  return defaults;
}

/** Throws, in runc's words, unless there are as many arguments as the command takes. */
export function checkArgCount(
  args: readonly string[],
  { name, min, max, program }: { name: string; min: number; max: number; program: string },
): void {
  if (args.length >= min && args.length <= max) return;
  const wanted =
    min === max ? `exactly ${min}` : args.length < min ? `a minimum of ${min}` : `a maximum of ${max}`;
  throw new UsageError(`${program}: "${name}" requires ${wanted} argument(s)`, {
    heading: "Incorrect Usage.",
  });
}

/** Splits a flag into its name and its value, if it has one. */
function splitFlag(word: string): { name: string; value: string | undefined } {
  const bare = word.slice(word.startsWith("--") ? 2 : 1);
  if (bare.startsWith("-") || bare.startsWith("=")) throw flagError(`bad flag syntax: ${word}`);
  const equals = bare.indexOf("=");
  if (equals < 0) return { name: bare, value: undefined };
  return { name: bare.slice(0, equals), value: bare.slice(equals + 1) };
}

interface FoundOption {
  readonly name: string;
  readonly option: OptionDeclaration;
}

function findOption(table: OptionTable, name: string): FoundOption | undefined {
  const direct = Object.hasOwn(table, name) ? table[name] : undefined;
  if (direct !== undefined) return { name, option: direct };
  for (const long in table) {
    const option = table[long];
    if (option?.alias === name) return { name: long, option };
  }
  return undefined;
}

function readValue(name: string, { type }: OptionDeclaration, text: string): string | number | boolean {
  switch (type) {
    case "string":
      return text;
    case "boolean":
      return readBoolean(name, text);
    case "number":
      return readNumber(name, text);
  }
}

/** The words of Go's strconv.ParseBool. */
function readBoolean(name: string, text: string): boolean {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
  throw flagError(`invalid boolean value ${JSON.stringify(text)} for -${name}: parse error`);
}

function readNumber(name: string, text: string): number {
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw flagError(`invalid value ${JSON.stringify(text)} for flag -${name}: parse error`);
}

function combine(
  before: OptionValue | undefined,
  option: OptionDeclaration,
  value: string | number | boolean,
): OptionValue {
  if (option.array !== true) return value;
  // Not split at commas: a value of --env may contain one.
  return [...(Array.isArray(before) ? before : []), String(value)];
}

function valueWhenAbsent(option: OptionDeclaration): OptionValue | undefined {
  if (option.default !== undefined) return option.default;
  if (option.array === true) return [];
  return option.type === "boolean" && option.optional !== true ? false : undefined;
}

function unknownFlag(name: string, tables: readonly OptionTable[]): UsageError {
  const known = tables.flatMap((table) => Object.keys(table).filter((long) => table[long]?.hidden !== true));
  const near = nearestWord(name, [...known, "help"]);
  const suggestion = near === undefined ? "" : `, did you mean --${near}?`;
  return flagError(`flag provided but not defined: -${name}${suggestion}`);
}

function flagError(message: string): UsageError {
  return new UsageError(message, { heading: `Incorrect Usage: ${message}` });
}
