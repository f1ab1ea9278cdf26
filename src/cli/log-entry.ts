// A line of the log as a value, before it is formatted. Types only.

export type LogFormat = "text" | "json";
export type LogLevel = "debug" | "warning" | "error";

export interface LogEntry {
  readonly level: LogLevel;
  readonly message: string;
  readonly time: Date;
  readonly code?: string | undefined;
  readonly hint?: string | undefined;
}
