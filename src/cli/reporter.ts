// Where a command's log lines and its failure go: the log, and stderr. Held by src/main.ts.

import { TsrunError } from "../errors.ts";
import type { Descriptor } from "../linux/files/files.ts";
import { writeToReader } from "../linux/files/write-to-reader.ts";
import type { LogSettings } from "./globals.ts";
import { connectToDaemon, isRegularFile, isTerminal, openLog, printError } from "./host.ts";
import { Log } from "./log.ts";
import { type LineFormat, type LogDaemon, parseLogTarget } from "./log-target.ts";
import { describeFailure, formatFailure } from "./report.ts";

/** What is written to besides stderr. */
interface Opened {
  readonly descriptor: Descriptor;
  /** A datagram a line, then. */
  readonly daemon: LogDaemon | undefined;
}

export class Reporter {
  #settings: LogSettings = { target: undefined, format: "text", level: "warning" };
  #opened: Opened | undefined;

  /**
   * Until the command line is understood, a failure is text on stderr; from now on it is what was asked for.
   */
  configure(settings: LogSettings): void {
    if (settings.target !== this.#settings.target) this.#opened = undefined;
    this.#settings = settings;
  }

  /** Opens the log, so that a command whose log cannot be written does nothing. */
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
      write: (line) => this.#write(line),
    });
  }

  get #format(): LineFormat {
    const { format } = this.#settings;
    const daemon = this.#opened?.daemon;
    return daemon === undefined ? format : { daemon, format };
  }

  /** Tells a failure, once. Returns the exit status. */
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
      // A full disk, say. It must not become the failure of a command that did its work.
    }
  }

  /** Whether there is a log. Where it cannot be opened, that is what is being told. */
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
