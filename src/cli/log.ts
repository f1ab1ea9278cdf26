// Formats log lines as logrus does, since callers parse those, and decides which lines are written. Pure: the
// caller passes the function that writes. A failure is one line and no other: podman reads the whole file as
// one JSON object.

import { utf8 } from "../linux/call/words.ts";
import { shorten } from "../spec/shorten.ts";
import type { LogEntry, LogFormat, LogLevel } from "./log-entry.ts";
import { daemonMessage, type LineFormat } from "./log-target.ts";

/** Callers read a line into a buffer; two of the longest paths must fit. */
export const LONGEST_MESSAGE = 10_000;

/**
 * One line, with its newline, or a datagram for a log daemon. containerd reads `level`, `msg` and `time`; the
 * members after these are ours.
 */
export function formatEntry(format: LineFormat, entry: LogEntry): string {
  if (typeof format === "object") return formatForDaemon(format, entry);
  const { level, message, time, code, hint } = entry;
  const seconds = time.toISOString().replace(/\.\d+Z$/, "Z");
  if (format === "json") {
    return `${json({ level, msg: message, time: seconds, code, hint })}\n`;
  }
  const fields = [`time="${seconds}"`, `level=${level}`, `msg=${quote(message)}`];
  if (code !== undefined) fields.push(`code=${quote(code)}`);
  if (hint !== undefined) fields.push(`hint=${quote(hint)}`);
  return `${fields.join(" ")}\n`;
}

/** AS CRUN: with the format JSON, the message is the whole object. */
function formatForDaemon({ daemon, format }: Exclude<LineFormat, LogFormat>, entry: LogEntry): string {
  const { level, message, code, hint } = entry;
  if (format === "json")
    return daemonMessage(daemon, { level, message: oneLine(formatEntry(format, entry)) });
  const words = { message: oneLine(message), hint: hint === undefined ? undefined : oneLine(hint) };
  return daemonMessage({ ...daemon, identifier: visible(daemon.identifier) }, { level, code, ...words });
}

/** Joins the text into one line, for readers to which each line is a message. */
export function oneLine(text: string): string {
  return visible(text.trimEnd());
}

/** Nearly every text. In the engine a replacement takes several times as long as this test. */
const PLAIN = /^[ -~]*$/;

/**
 * Escapes every control character: an id, a path or a key that someone else has chosen must neither end the
 * line nor control a terminal.
 */
export function visible(text: string): string {
  if (PLAIN.test(text)) return text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, escapeOf);
}

function escapeOf(character: string): string {
  const short: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  return short[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** JSON, with DEL and the control characters after it escaped too, which JSON.stringify does not do. */
function json(value: unknown): string {
  return visible(JSON.stringify(value));
}

/** As logrus does, puts no quotes round a single plain word. */
function quote(text: string): string {
  return /^[\w./@^+-]+$/.test(text) ? text : json(text);
}

/**
 * The most bytes of debug lines to a stream, since its reader may read nothing until the command ends: conmon
 * does so, a pipe holds 64 KiB, and runc writes up to 16 KiB.
 */
export const MOST_ON_STREAM = 12 << 10;

export interface LogOptions {
  readonly format: LineFormat;
  /** The lowest level that is written. */
  readonly level: LogLevel;
  /** Whether lines go to a stream, which may be full, and not to a regular file. */
  readonly isStream: boolean;
  /** The log's descriptor, unless lines go to stderr. */
  readonly descriptor?: number | undefined;
  /** Whether a person reads it at a terminal; asked when there is a warning. */
  readonly forPeople?: () => boolean;
  /** Receives whole lines. */
  readonly write: (line: string) => void;
}

/** Takes a command's debug lines and warnings. Errors are thrown, not logged. */
export class Log {
  readonly #options: LogOptions;
  #warnings: LogEntry[] = [];
  #debugBytes = 0;

  constructor(options: LogOptions) {
    this.#options = options;
  }

  /** The log's descriptor, to distinguish it from those that the caller passes to the container. */
  get descriptor(): number | undefined {
    return this.#options.descriptor;
  }

  /** Whether debug lines are written at all: ask before composing an expensive one. */
  get debugging(): boolean {
    return this.#options.level === "debug";
  }

  debug(message: string): void {
    if (!this.debugging) return;
    const line = this.#format({ level: "debug", message, time: new Date() });
    const isOver = this.#options.isStream && this.#debugBytes > MOST_ON_STREAM;
    if (isOver) return;
    this.#debugBytes += utf8(line).length;
    const isFull = this.#options.isStream && this.#debugBytes > MOST_ON_STREAM;
    const rest = "further debug lines are left out: --log FILE takes them all";
    this.#options.write(isFull ? this.#format({ level: "debug", message: rest, time: new Date() }) : line);
  }

  /** Logs a system call of the first process, only to a file, since there are hundreds. */
  call(message: () => string): void {
    if (!this.#options.isStream) this.debug(message());
  }

  /** Keeps a warning until the command has succeeded: beside an error it would be a second line. */
  warning(message: string): void {
    if (this.#options.level === "error") return;
    this.#warnings.push({ level: "warning", message: shorten(message, LONGEST_MESSAGE), time: new Date() });
    if (this.debugging) this.writeWarnings();
  }

  /** Warns at once that something of a container stays: then a second line beside the error is worth it. */
  leftover(message: string): void {
    this.warning(message);
    this.writeWarnings();
  }

  /** Writes the warnings so far; the last action of a successful command. */
  writeWarnings(): void {
    if (this.#warnings.length === 0) return;
    const isForPeople = this.#options.format === "text" && this.#options.forPeople?.() === true;
    for (const entry of this.#warnings) {
      if (isForPeople) this.#options.write(`tsrun: warning: ${oneLine(entry.message)}\n`);
      else this.#write(entry);
    }
    this.#warnings = [];
  }

  #write(entry: LogEntry): void {
    this.#options.write(this.#format(entry));
  }

  #format(entry: LogEntry): string {
    return formatEntry(this.#options.format, entry);
  }
}
