// tsrun's entry: find the command, run it, report its error. Every command is one process, which ends here.

import { actions } from "./cli/actions.ts";
import { COMMANDS, findCommand } from "./cli/commands.ts";
import { globalOptions, versionOption } from "./cli/flags.ts";
import { readGlobals, readLogSettings, readTraceFile } from "./cli/globals.ts";
import { commandHelp, programHelp } from "./cli/help.ts";
import { host, isTerminal, print, terminalWidth } from "./cli/host.ts";
import type { Log } from "./cli/log.ts";
import type { Command, OptionValue } from "./cli/options.ts";
import { checkArgCount, defaultsOf, parseLine, valuesOf } from "./cli/parse.ts";
import { baseName } from "./cli/paths.ts";
import { Reporter } from "./cli/reporter.ts";
import { UsageError } from "./cli/usage-error.ts";
import { COMMIT, programName, VERSION, versionText } from "./cli/version.ts";
import { useReserve } from "./engine/host/memory.ts";
import { variable } from "./engine/host/process.ts";
import { settle } from "./linux/process/at-start.ts";
import { exit } from "./linux/process/process.ts";
import { LIBSECCOMP_VERSION } from "./seccomp/version.ts";
import { runRootfsCommand } from "./shim/rootfs-command.ts";
import { isShim, runShim } from "./shim/shim.ts";
import { tieToShim } from "./shim/tie.ts";
import { orDamaged } from "./spec/saved.ts";
import { traceCommand } from "./trace/write.ts";

declare const ENGINE_VERSION: string;

type Given = ReadonlyMap<string, OptionValue>;

/** The options that may stand before the command. */
const TABLES = [{ ...globalOptions, ...versionOption }];

// Done now, when tsrun is built: it would be a tenth of what a short command computes.
for (const table of [globalOptions, versionOption, ...COMMANDS.map(({ options }) => options)]) {
  defaultsOf(table);
}

let program = "";
const reporter = new Reporter();

/** Returns the exit status; for help, which yargs lays out asynchronously, a promise of it. */
function runLine(words: readonly string[]): number | Promise<number> {
  const line = orHelp(undefined, () => parseLine(words, { tables: TABLES, stopAfterArgs: 1 }));
  const [given = new Map()] = line.given;
  const [name, ...rest] = line.args;
  if (line.help) return help(undefined);
  const asked = valuesOf(versionOption, given);
  if (asked.version || asked.V) return version();
  if (name === undefined) return help(undefined);
  reporter.configure(readLogSettings(given));
  if (name === "help" || name === "h") return help(rest[0]);
  return run(findCommand(name), rest, given);
}

function run(command: Command, words: readonly string[], givenBefore: Given): number | Promise<number> {
  const { name, args: count, options: table, stopAfterFirstArg } = command;
  const tables = [table, globalOptions];
  const stopAfterArgs = stopAfterFirstArg === true ? 1 : undefined;
  const line = orHelp(command, () => parseLine(words, { tables, stopAfterArgs }));
  if (line.help) return help(name);
  const [given, givenAfter = new Map()] = line.given;
  const globalsGiven = new Map([...givenBefore, ...givenAfter]);
  reporter.configure(readLogSettings(globalsGiven));
  const log = reporter.openLog();
  const trace = log.debugging ? log : undefined;
  const traceDescriptor = beginTrace(name, readTraceFile(globalsGiven), log);
  const globals = { ...readGlobals(globalsGiven, host), log, trace, traceDescriptor };
  orHelp(command, () => checkArgCount(line.args, { name, ...count, program: process.argv0 }));
  const options = valuesOf(table, given);
  try {
    const { args } = line;
    const status = command.run({ globals, host, actions, options, args, commands: COMMANDS, program });
    log.writeWarnings();
    return status;
  } catch (error) {
    useReserve();
    const status = reporter.fail(orDamaged(error));
    return error instanceof UsageError ? status : (command.failureStatus ?? status);
  }
}

/** Begins to trace the command, if a file is given. Returns its descriptor. */
function beginTrace(name: string, path: string | undefined, log: Log): number | undefined {
  if (path === undefined) return undefined;
  const failed = ({ message }: Error): void => {
    log.warning(message);
    log.writeWarnings();
  };
  const parent = variable("TRACEPARENT");
  const env = () => process.env;
  return traceCommand({ path, program: `${program} ${VERSION}`, name, parent, env, failed });
}

/** A command line that could not be parsed, and the command whose help applies. */
class Misunderstood {
  readonly error: UsageError;
  readonly heading: string;
  readonly command: Command | undefined;

  constructor(error: UsageError, heading: string, command: Command | undefined) {
    this.error = error;
    this.heading = heading;
    this.command = command;
  }
}

/** Runs a check of the command line; if it fails, prints the help to stdout first. */
function orHelp<T>(command: Command | undefined, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof UsageError) || error.heading === undefined) throw error;
    throw new Misunderstood(error, error.heading, command);
  }
}

async function failWithHelp({ error, heading, command }: Misunderstood): Promise<never> {
  // DIFFERS: for a person the page of help would push the one line that matters out of sight.
  if (isTerminal(1) && isTerminal(2)) {
    const page = command === undefined ? "--help" : `${command.name} --help`;
    return fail(
      new UsageError(error.message, { exitStatus: error.exitStatus, hint: `see "${program} ${page}"` }),
    );
  }
  print(`${heading}\n\n`);
  await help(command?.name);
  return fail(error);
}

async function help(name: string | undefined): Promise<number> {
  const width = terminalWidth(1);
  print(
    await (name === undefined ? programHelp(program, width) : commandHelp(program, findCommand(name), width)),
  );
  return 0;
}

function version(): number {
  print(versionText(program, { engine: ENGINE_VERSION, libseccomp: LIBSECCOMP_VERSION }));
  return 0;
}

/** The shim itself, or a command that it runs as its child. */
function runAsShim(words: readonly string[]): number | Promise<number> {
  const line = tieToShim(words);
  if (line !== undefined) return runRootfsCommand(line) ?? runLine(line);
  return runShim(words, { name: baseName(process.argv0), version: VERSION, commit: COMMIT });
}

/**
 * Called once in every process; the module level has run when tsrun was built. `fail` reports an error that
 * this throws. Only help uses promises: an error in a promise of a command could be lost.
 */
export function main(): void {
  program = programName(process.argv0);
  settle();
  try {
    const words = process.argv.slice(2);
    const status = isShim(process.argv0) ? runAsShim(words) : runLine(words);
    if (typeof status === "number") exit(status);
    status.then(exit).catch(fail);
  } catch (error) {
    if (!(error instanceof Misunderstood)) throw error;
    failWithHelp(error).catch(fail);
  }
}

/** Reports the error, and ends the process. */
export function fail(error: unknown): never {
  useReserve();
  exit(reporter.fail(error));
}
