// Parses the value of `--log`: a file, or, in crun's forms, a log daemon and an identifier. Also formats
// lines for the daemons. Pure.

import { shorten } from "../spec/shorten.ts";
import type { LogFormat, LogLevel } from "./log-entry.ts";

export interface LogFile {
  readonly kind: "file";
  readonly path: string;
}

/** systemd's journal, or the daemon that listens for syslog(3). */
export interface LogDaemon {
  readonly kind: "journald" | "syslog";
  /** The name under which the daemon stores the lines. */
  readonly identifier: string;
}

export type LogTarget = LogFile | LogDaemon;

/** Where the daemons listen. */
export const DAEMON_SOCKETS: Readonly<Record<LogDaemon["kind"], string>> = {
  journald: "/run/systemd/journal/socket",
  syslog: "/dev/log",
};

/**
 * A path with a colon is a file, as in runc, unless it begins with one of three words.
 * @param program replaces an empty identifier
 */
export function parseLogTarget(given: string, program: string): LogTarget {
  if (given.startsWith("file:")) return { kind: "file", path: given.slice(5) };
  for (const kind of ["journald", "syslog"] as const) {
    if (!given.startsWith(`${kind}:`)) continue;
    const identifier = given.slice(kind.length + 1);
    return { kind, identifier: identifier === "" ? program : identifier };
  }
  return { kind: "file", path: given };
}

/** syslog(3): LOG_DEBUG, LOG_WARNING and LOG_ERR. */
const PRIORITIES: Readonly<Record<LogLevel, number>> = { debug: 7, warning: 4, error: 3 };
/** LOG_USER, as in crun. */
const FACILITY = 1 << 3;

export interface DaemonEntry {
  readonly level: LogLevel;
  /** One line, without control characters. */
  readonly message: string;
  readonly code?: string | undefined;
  readonly hint?: string | undefined;
}

/** A syslog daemon cuts longer messages: rsyslogd by default at 8 KiB. */
const LONGEST = 6_000;

/**
 * A line as a datagram. For the journal, code and hint are separate fields (its native protocol:
 * systemd.io/JOURNAL_NATIVE_PROTOCOL); a line of syslog has no place for them.
 */
export function daemonMessage(daemon: LogDaemon, entry: DaemonEntry): string {
  const message = shorten(entry.message, LONGEST);
  const priority = PRIORITIES[entry.level];
  // Without a time, which both daemons add.
  if (daemon.kind === "syslog") return `<${FACILITY | priority}>${daemon.identifier}: ${message}`;
  const fields = [
    `PRIORITY=${priority}`,
    `SYSLOG_IDENTIFIER=${daemon.identifier}`,
    `MESSAGE=${message}`,
    ...(entry.code === undefined ? [] : [`TSRUN_CODE=${entry.code}`]),
    ...(entry.hint === undefined ? [] : [`TSRUN_HINT=${shorten(entry.hint, LONGEST)}`]),
  ];
  return `${fields.join("\n")}\n`;
}

/** The format of a line. */
export type LineFormat = LogFormat | { readonly daemon: LogDaemon; readonly format: LogFormat };
