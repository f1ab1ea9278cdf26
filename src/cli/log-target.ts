// What `--log` names, crun's forms among them: a file, or an identifier with one of the host's log daemons;
// and how these take a line. Pure.

import { shorten } from "../spec/shorten.ts";
import type { LogFormat, LogLevel } from "./log-entry.ts";

export interface LogFile {
  readonly kind: "file";
  readonly path: string;
}

/** systemd's journal, or whoever listens for syslog(3). */
export interface LogDaemon {
  readonly kind: "journald" | "syslog";
  /** As whose the lines are kept. */
  readonly identifier: string;
}

export type LogTarget = LogFile | LogDaemon;

/** Where the daemons listen. */
export const DAEMON_SOCKETS: Readonly<Record<LogDaemon["kind"], string>> = {
  journald: "/run/systemd/journal/socket",
  syslog: "/dev/log",
};

/**
 * Of paths with a colon only those that begin with one of three words are not what runc takes them for.
 * @param program stands for an empty identifier
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
/** LOG_USER, as of crun. */
const FACILITY = 1 << 3;

export interface DaemonEntry {
  readonly level: LogLevel;
  /** One line, without control characters. */
  readonly message: string;
  readonly code?: string | undefined;
  readonly hint?: string | undefined;
}

/** What fits what a syslog daemon keeps of a message: rsyslogd 8 KiB, unless it is told otherwise. */
const LONGEST = 6_000;

/**
 * A line as a datagram. The journal has fields of its own for code and hint (its native protocol:
 * systemd.io/JOURNAL_NATIVE_PROTOCOL); a line of syslog has no place for them.
 */
export function daemonMessage(daemon: LogDaemon, entry: DaemonEntry): string {
  const message = shorten(entry.message, LONGEST);
  const priority = PRIORITIES[entry.level];
  // Without a time, which either daemon adds.
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

/** How a line is put. */
export type LineFormat = LogFormat | { readonly daemon: LogDaemon; readonly format: LogFormat };
