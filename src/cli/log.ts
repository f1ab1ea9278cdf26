// Log lines as logrus writes them, since callers parse those; and the log, which knows what is worth a line.
// Pure: what a line is written to is handed in. A failure is one line and no other: podman takes the whole
// file for one JSON object (CONTRIBUTING: "errors are told once, at the top").

import { utf8 } from "../linux/call/words.ts";
import { shorten } from "../spec/shorten.ts";
import type { LogEntry, LogFormat, LogLevel } from "./log-entry.ts";
import { daemonMessage, type LineFormat } from "./log-target.ts";

/** Callers read a line, into a buffer; and two of the longest paths must fit. */
export const LONGEST_MESSAGE = 10_000;

/**
 * One line, with its newline, or what a log daemon takes for one. containerd reads `level`, `msg` and `time`;
 * what follows them is ours.
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

/** AS CRUN: with JSON the whole object is the message. */
function formatForDaemon({ daemon, format }: Exclude<LineFormat, LogFormat>, entry: LogEntry): string {
  const { level, message, code, hint } = entry;
  if (format === "json")
    return daemonMessage(daemon, { level, message: oneLine(formatEntry(format, entry)) });
  const words = { message: oneLine(message), hint: hint === undefined ? undefined : oneLine(hint) };
  return daemonMessage({ ...daemon, identifier: visible(daemon.identifier) }, { level, code, ...words });
}

/** Everything on one line, for a reader that takes a line for a message. */
export function oneLine(text: string): string {
  return visible(text.trimEnd());
}

/**
 * With every control character as its escape: an id, a path or a key that somebody else has chosen must
 * neither end the line nor give orders to a terminal.
 */
export function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]/g, escapeOf);
}

function escapeOf(character: string): string {
  const short: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  return short[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** JSON leaves DEL and what comes after it as it is. */
function json(value: unknown): string {
  return visible(JSON.stringify(value));
}

/** logrus leaves a single plain word without quotes. */
function quote(text: string): string {
  return /^[\w./@^+-]+$/.test(text) ? text : json(text);
}

/**
 * Bytes of debug lines for a reader that may not read before the command ends: conmon does not, a pipe holds
 * 64 KiB, and runc writes up to 16 KiB.
 */
export const MOST_ON_STREAM = 12 << 10;

export interface LogOptions {
  readonly format: LineFormat;
  /** The least that is worth a line. */
  readonly level: LogLevel;
  /** Whether lines go to a stream, and not into a file that holds whatever comes. */
  readonly isStream: boolean;
  /** Where lines go, unless that is stderr. */
  readonly descriptor?: number | undefined;
  /** Receives whole lines. */
  readonly write: (line: string) => void;
}

/** Where a command's debug lines and warnings go. Errors are thrown, not logged. */
export class Log {
  readonly #options: LogOptions;
  #warnings: LogEntry[] = [];
  #debugBytes = 0;

  constructor(options: LogOptions) {
    this.#options = options;
  }

  /** Tells it from the descriptors that the caller has handed down. */
  get descriptor(): number | undefined {
    return this.#options.descriptor;
  }

  /** Whether debug lines are wanted at all: where composing one costs something, ask first. */
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

  /** A system call of the first process: only for a file, since there are hundreds. */
  call(message: () => string): void {
    if (!this.#options.isStream) this.debug(message());
  }

  /** Is written when the command has succeeded: beside an error it would be a second line. */
  warning(message: string): void {
    if (this.#options.level === "error") return;
    this.#warnings.push({ level: "warning", message: shorten(message, LONGEST_MESSAGE), time: new Date() });
    if (this.debugging) this.writeWarnings();
  }

  /** Writes the warnings so far; the last thing that a successful command does. */
  writeWarnings(): void {
    for (const entry of this.#warnings) this.#write(entry);
    this.#warnings = [];
  }

  #write(entry: LogEntry): void {
    this.#options.write(this.#format(entry));
  }

  #format(entry: LogEntry): string {
    return formatEntry(this.#options.format, entry);
  }
}
