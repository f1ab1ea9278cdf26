// Help texts, laid out by yargs from the tables of options, under runc's headings.

import yargs, { type Yargs } from "yargs";
import { COMMANDS } from "./commands.ts";
import { columnsFor, fitted } from "./fit.ts";
import { globalOptions, versionOption } from "./flags.ts";
import type { Command, OptionTable } from "./options.ts";
import { programDescription } from "./program-description.ts";
import { inPlaceOf, VERSION } from "./version.ts";

const GLOBAL_GROUP = "GLOBAL OPTIONS:";

const helpOption = { help: { type: "boolean", alias: "h", describe: "show help" } } as const;

/** The help of the program as a whole, for a terminal of this width if it is one. */
export async function programHelp(program: string, width?: number): Promise<string> {
  const page = newYargs(width).scriptName("");
  for (const { name, describe } of COMMANDS) page.command(name, describe);
  page.command("help [command]", "show this list, or the help of one command");
  addOptions(page, { ...globalOptions, ...versionOption, ...helpOption }, GLOBAL_GROUP);
  return `${fitted(programUsage(program), width)}\n\n${await page.getHelp()}\n`;
}

/** The help of one command. */
export async function commandHelp(program: string, command: Command, width?: number): Promise<string> {
  const page = newYargs(width);
  addOptions(page, { ...command.options, ...helpOption }, "OPTIONS:");
  const others = Object.entries(globalOptions).filter(([name]) => !Object.hasOwn(command.options, name));
  addOptions(page, Object.fromEntries(others), GLOBAL_GROUP);
  return `${fitted(commandUsage(program, command), width)}\n\n${await page.getHelp()}\n`;
}

function newYargs(width: number | undefined): Yargs {
  return yargs([])
    .help(false)
    .version(false)
    .detectLocale(false)
    .exitProcess(false)
    .parserConfiguration({ "boolean-negation": false })
    .updateStrings({ "Commands:": "COMMANDS:" })
    .usage(null)
    .wrap(columnsFor(width));
}

function addOptions(page: Yargs, table: OptionTable, group?: string): Yargs {
  for (const [name, { type, describe, alias, array, hidden, words: _words, ...shown }] of Object.entries(
    table,
  )) {
    const optional = { ...(alias === undefined ? {} : { alias }), ...(group === undefined ? {} : { group }) };
    page.option(name, {
      type,
      describe,
      array: array === true,
      hidden: hidden === true,
      ...optional,
      ...shown,
    });
  }
  return page;
}

function programUsage(program: string): string {
  return `NAME:
   ${program}${inPlaceOf("runc", program)} - Open Container Initiative runtime

${programDescription(program)}

USAGE:
   ${program} [global options] command [command options] [arguments...]

VERSION:
   ${VERSION}`;
}

function commandUsage(program: string, { name, describe, usage, details, notOfRunc }: Command): string {
  const ofRunc = notOfRunc === true ? "" : inPlaceOf(`runc ${name}`, program);
  const line = `${program} ${name} [command options] ${usage}`.trimEnd();
  const text = details.replaceAll("$0", program).replaceAll(/^(?=.)/gm, "   ");
  return `NAME:\n   ${program} ${name}${ofRunc} - ${describe}\n\nUSAGE:\n   ${line}\n\nDESCRIPTION:\n${text}`;
}
