// Manual pages (man(7)) from the table of commands: one for the program, one for each command. Called by
// scripts/documents.ts for `make install`. Pure: the same table gives the same pages.

import { ANNOTATION_TEXTS } from "./annotation-texts.ts";
import { globalOptions, versionOption } from "./flags.ts";
import type { Command, OptionDeclaration, OptionTable } from "./options.ts";
import { programDescription } from "./program-description.ts";
import { SHIM, SHIM_DESCRIPTION, SHIM_FILES, SHIM_OPTIONS, SHIM_WORDS } from "./shim-page.ts";

export interface ManPage {
  /** `tsrun-create.8` */
  readonly file: string;
  readonly text: string;
}

/** What every page says at its foot. */
export interface Edition {
  readonly version: string;
  /** Of the source, `2026-12-31`; empty where that is not known. */
  readonly date: string;
}

const PROGRAM = "tsrun";
const HELP: OptionTable = { help: { type: "boolean", alias: "h", describe: "show help" } };

const TRACE_TEXTS = [
  "With --trace FILE a command notes each of its phases, each system call that it makes and each that " +
    "is made for it inside a container, hooks, started processes, calls of libraries and of systemd, " +
    "and what it waits for, with their times. It writes them to FILE when it ends, also when it fails. " +
    "A signal that ends it leaves FILE empty. FILE is opened first; if that fails, nothing is done. No " +
    "container gets it.",
  "FILE has Chrome's trace events, which ui.perfetto.dev and chrome://tracing open. If its name ends " +
    "in .otlp.json, or TRACEPARENT is set, it has an ExportTraceServiceRequest of OpenTelemetry in " +
    `JSON, on one line. "${PROGRAM} explain --times FILE" sums up either. After 28,672 calls no more ` +
    "are noted, and the file says how many were left out. What the first process does when create has " +
    "ended, waiting and executing the program, is in the trace of start, as a wait.",
];

const VARIABLES = [
  ["XDG_RUNTIME_DIR", "The directory in which an ordinary user's state is, in a directory tsrun."],
  [
    "TRACEPARENT, TRACESTATE",
    "The trace of the caller, as W3C's Trace Context writes it; what --trace writes belongs to it.",
  ],
  [
    "OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES",
    "Who is traced, in a trace for OpenTelemetry; the name is tsrun otherwise.",
  ],
] as const;

/** Every page, the program's first, the shim's last. */
export function manPages(commands: readonly Command[], edition: Edition): ManPage[] {
  return [
    { file: `${PROGRAM}.8`, text: programPage(commands, edition) },
    ...commands.map((command) => ({
      file: `${PROGRAM}-${command.name}.8`,
      text: commandPage(command, edition),
    })),
    { file: `${SHIM}.8`, text: shimPage(edition) },
  ];
}

function programPage(commands: readonly Command[], edition: Edition): string {
  const global = { ...globalOptions, ...versionOption, ...HELP };
  return [
    ...header(PROGRAM, "Open Container Initiative runtime", edition),
    ".SH SYNOPSIS",
    `.B ${PROGRAM}`,
    "[global options] command [command options] [arguments...]",
    ".SH DESCRIPTION",
    ...paragraphs(programDescription(PROGRAM)),
    ".SH COMMANDS",
    ...commands.flatMap(({ name, describe }) => [
      ".TP",
      `.BR ${roff(`${PROGRAM}-${name}`)} (8)`,
      line(`${capital(describe)}.`),
    ]),
    ".SH GLOBAL OPTIONS",
    line("Accepted before the command and after it."),
    ...optionList(global),
    ".SH EXIT STATUS",
    line(
      "0 on success, 1 on failure, 3 for an unknown command. run, exec and restore return the status of " +
        "the process; see their pages.",
    ),
    ".SH FILES",
    ".TP",
    ".I /run/tsrun",
    line("State of the containers, one directory for each. --root names another place."),
    ".TP",
    ".I config.json",
    line(
      "In the bundle: the configuration, as the runtime specification describes it. " +
        `"${PROGRAM} spec" writes one, "${PROGRAM} validate" checks it, and "${PROGRAM} explain" says ` +
        "what it means.",
    ),
    ".SH ANNOTATIONS",
    line(
      "These annotations of a configuration have an effect, as they have in crun; for any other one that " +
        'begins with "run.oci." there is a warning. An engine must let only those set them who may act ' +
        "as root.",
    ),
    ...Object.entries(ANNOTATION_TEXTS).flatMap(([name, text]) => [".TP", `.B ${roff(name)}`, line(text)]),
    ".SH TRACES",
    ...TRACE_TEXTS.map(line).flatMap((text, index) => (index === 0 ? [text] : [".PP", text])),
    ".SH ENVIRONMENT",
    ...VARIABLES.flatMap(([name, text]) => [".TP", `.B ${name}`, line(text)]),
    ".SH SEE ALSO",
    ...references([SHIM, ...commands.map(({ name }) => `${PROGRAM}-${name}`)]),
    "",
  ].join("\n");
}

function commandPage({ name, describe, usage, details, options }: Command, edition: Edition): string {
  const own = Object.entries(options).filter(([, { hidden }]) => hidden !== true);
  const synopsis = `${own.length === 0 ? "" : "[command options] "}${usage}`.trim();
  const [first = "", ...sections] = sectionsOf(details.replaceAll("$0", PROGRAM));
  return [
    ...header(`${PROGRAM}-${name}`, describe, edition),
    ".SH SYNOPSIS",
    `.B ${PROGRAM} ${name}`,
    ...(synopsis === "" ? [] : [line(synopsis)]),
    ".SH DESCRIPTION",
    ...paragraphs(first),
    ".SH OPTIONS",
    ...optionList({ ...options, ...HELP }),
    ".PP",
    `The global options of`,
    `.BR ${PROGRAM} (8)`,
    "are accepted as well.",
    ...sections.flatMap((section) => {
      const [heading = "", ...rest] = section.split("\n");
      return [`.SH ${heading.replace(/:$/, "")}`, ...paragraphs(rest.join("\n"))];
    }),
    ".SH SEE ALSO",
    ...references([PROGRAM]),
    "",
  ].join("\n");
}

/** The date is the source's: the same source gives the same page. */
function header(name: string, describe: string, { version, date }: Edition): string[] {
  return [
    '.\\" Made from the table of commands; see src/cli/man.ts.',
    `.TH ${roff(name.toUpperCase())} 8 "${date}" "${PROGRAM} ${version}" "System Administration"`,
    ".SH NAME",
    `${roff(name)} \\- ${roff(describe)}`,
  ];
}

function shimPage(edition: Edition): string {
  return [
    ...header(SHIM, "Open Container Initiative runtime as containerd's shim", edition),
    ".SH SYNOPSIS",
    `.B ${roff(SHIM)}`,
    line("[flags] start | delete"),
    ".SH DESCRIPTION",
    ...paragraphs(SHIM_DESCRIPTION),
    ".SH FLAGS AND ACTIONS",
    ...SHIM_WORDS.flatMap(([words, text]) => [".TP", `.B ${roff(words)}`, line(text)]),
    ".SH OPTIONS",
    ...paragraphs(SHIM_OPTIONS),
    ".SH FILES",
    ...SHIM_FILES.flatMap(([path, text]) => [".TP", `.I ${roff(path)}`, line(text)]),
    ".SH SEE ALSO",
    ...references([PROGRAM]),
    "",
  ].join("\n");
}

/** A text and its sections, each of which begins with a line such as `EXAMPLE:`. */
function sectionsOf(text: string): string[] {
  return text.split(/\n\n(?=[A-Z][A-Z ]+:\n)/);
}

/** Formats paragraphs, with indented lines as examples. */
function paragraphs(text: string): string[] {
  const blocks = text.split(/\n\n+/).filter((block) => block.trim() !== "");
  return blocks.flatMap((block, index) => {
    const start = index === 0 ? [] : [".PP"];
    const lines = block.split("\n");
    if (!lines.every((one) => one.startsWith("    "))) return [...start, ...lines.map(line)];
    return [...start, ".EX", ...lines.map((one) => line(one)), ".EE"];
  });
}

function optionList(table: OptionTable): string[] {
  return Object.entries(table)
    .filter(([, { hidden }]) => hidden !== true)
    .flatMap(([name, option]) => [
      ".TP",
      optionTag(name, option),
      line(`${capital(option.describe)}${afterwards(option)}.`),
    ]);
}

function optionTag(name: string, { alias, type, words }: OptionDeclaration): string {
  const names = [`--${name}`, ...(alias === undefined ? [] : [`-${alias}`])];
  const shown = names.map((one) => `\\fB${roff(one)}\\fR`).join(", ");
  return type === "boolean" ? shown : `${shown} \\fI${roff(valueName(type, words))}\\fR`;
}

function valueName(type: "string" | "number", words: OptionDeclaration["words"]): string {
  if (typeof words === "object") return words.join("|");
  return words ?? (type === "number" ? "number" : "value");
}

function afterwards({ array, default: value, defaultDescription }: OptionDeclaration): string {
  const usual = defaultDescription ?? value;
  const repeated = array === true ? "; may be repeated" : "";
  return usual === undefined ? repeated : `${repeated} (default: ${usual})`;
}

function references(names: readonly string[]): string[] {
  const sorted = [...names].sort();
  return sorted.map((name, index) => `.BR ${roff(name)} (8)${index < sorted.length - 1 ? "," : ""}`);
}

/** A line of text, protected if it begins with a dot or a quote, which would make it a request. */
function line(text: string): string {
  return roff(text).replace(/^(?=[.'])/, "\\&");
}

/** Hyphens of options stay hyphens, quotes straight. */
function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("'", "\\(aq")
    .replaceAll("~", "\\(ti")
    .replaceAll("^", "\\(ha");
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
