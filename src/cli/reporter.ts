// Writes a command's log lines and its failure to the log and to stderr. Used by src/main.ts.

import { TsrunError } from "../errors.ts";
import type { Descriptor } from "../linux/files/files.ts";
import { writeToReader } from "../linux/files/write-to-reader.ts";
import type { LogSettings } from "./globals.ts";
import { connectToDaemon, isRegularFile, isTerminal, openLog, printError } from "./host.ts";
import { Log } from "./log.ts";
import { type LineFormat, type LogDaemon, parseLogTarget } from "./log-target.ts";
import { describeFailure, formatFailure } from "./report.ts";

/** The open log, if it is not stderr. */
interface Opened {
  readonly descriptor: Descriptor;
  /** Set if each line is sent as a datagram. */
  readonly daemon: LogDaemon | undefined;
}

export class Reporter {
  #settings: LogSettings = { target: undefined, format: "text", level: "warning" };
  #opened: Opened | undefined;

  /**
   * Sets format and target. Until the command line has been parsed, a failure is text on stderr.
   */
  configure(settings: LogSettings): void {
    if (settings.target !== this.#settings.target) this.#opened = undefined;
    this.#settings = settings;
  }

  /** Opens the log before the command begins, so that a command without a usable log does nothing. */
  openLog(): Log {
    const { target, level } = this.#settings;
    if (target !== undefined) this.#opened ??= open(target);
    const isStream =
      level === "debug" && (this.#opened === undefined || !isRegularFile(this.#opened.descriptor));
    return new Log({
      format: this.#format,
      level,
      isStream,
      descriptor: this.#opened?.descriptor.number,
      forPeople: () => this.#opened === undefined && isTerminal(2),
      write: (line) => this.#write(line),
    });
  }

  get #format(): LineFormat {
    const { format } = this.#settings;
    const daemon = this.#opened?.daemon;
    return daemon === undefined ? format : { daemon, format };
  }

  /** Reports a failure, once. Returns the exit status. */
  fail(error: unknown): number {
    const failure = describeFailure(error);
    const toFile = this.#tryToOpen();
    const report = formatFailure(failure, {
      format: this.#format,
      time: new Date(),
      toFile,
      terminal: !toFile && isTerminal(2),
    });
    if (error instanceof Error && !(error instanceof TsrunError)) {
      this.openLog().debug(error.stack ?? "no stack");
    }
    if (report.file !== undefined) this.#write(report.file);
    printError(report.stderr);
    return failure.exitStatus;
  }

  #write(line: string): void {
    try {
      if (this.#opened === undefined) printError(line);
      else {
        const { descriptor, daemon } = this.#opened;
        writeToReader(descriptor.number, line, "to the log", { whole: daemon !== undefined });
      }
    } catch {
      // The disk may be full. That must not make a command fail that has done its work.
    }
  }

  /** Whether there is a log. If it cannot be opened, that is the failure that is being reported. */
  #tryToOpen(): boolean {
    try {
      this.openLog();
    } catch {
      // Falls back to stderr.
    }
    return this.#opened !== undefined;
  }
}

function open(given: string): Opened {
  const target = parseLogTarget(given, "tsrun");
  if (target.kind === "file") return { descriptor: openLog(target.path), daemon: undefined };
  return { descriptor: connectToDaemon(target.kind), daemon: target };
}
