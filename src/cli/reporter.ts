// Where a command's log lines and its failure go: the log file, and stderr. Held by src/main.ts.

import { TsrunError } from "../errors.ts";
import type { Descriptor } from "../linux/files.ts";
import { writeToReader } from "../linux/write-to-reader.ts";
import type { LogSettings } from "./globals.ts";
import { isRegularFile, isTerminal, openLog, printError } from "./host.ts";
import { Log } from "./log.ts";
import { describeFailure, formatFailure } from "./report.ts";

export class Reporter {
  #settings: LogSettings = { file: undefined, format: "text", debug: false };
  #file: Descriptor | undefined;

  /**
   * Until the command line is understood, a failure is text on stderr; from now on it is what was asked for.
   */
  configure(settings: LogSettings): void {
    if (settings.file !== this.#settings.file) this.#file = undefined;
    this.#settings = settings;
  }

  /** Opens the log, so that a command whose log cannot be written does nothing. */
  openLog(): Log {
    const { file, format, debug } = this.#settings;
    if (file !== undefined) this.#file ??= openLog(file);
    const isStream = debug && (this.#file === undefined || !isRegularFile(this.#file));
    return new Log({ format, debug, isStream, write: (line) => this.#write(line) });
  }

  /** Tells a failure, once. Returns the exit status. */
  fail(error: unknown): number {
    const failure = describeFailure(error);
    const toFile = this.#tryToOpen();
    const { format } = this.#settings;
    const report = formatFailure(failure, {
      format,
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
      if (this.#file === undefined) printError(line);
      else writeToReader(this.#file.number, line, "to the log");
    } catch {
      // A full disk, say. It must not become the failure of a command that did its work.
    }
  }

  /** Whether there is a log file. Where it cannot be opened, that is what is being told. */
  #tryToOpen(): boolean {
    try {
      this.openLog();
    } catch {
      // Falls back to stderr.
    }
    return this.#file !== undefined;
  }
}
