// Turns a failure into one line for the log, one for stderr, and an exit status. Pure; src/main.ts writes the
// lines.

import { isOutOfMemory, TsrunError } from "../errors.ts";
import { shorten } from "../spec/shorten.ts";
import { formatEntry, LONGEST_MESSAGE, oneLine, visible } from "./log.ts";
import type { LineFormat } from "./log-target.ts";
import { UsageError } from "./usage-error.ts";

/** AS RUNC: a hook's output is reported in full, as far as it is read (1 MiB of each stream). */
const LONGEST_OUTPUT = 3 << 20;

export interface Failure {
  readonly message: string;
  /** Without the cause that was found: the words of runc alone. */
  readonly bare: string;
  readonly code: string;
  readonly hint: string | undefined;
  readonly exitStatus: number;
}

/** Turns a thrown value into code, message, hint and exit status. */
export function describeFailure(error: unknown): Failure {
  if (error instanceof TsrunError) {
    const exitStatus = error instanceof UsageError ? error.exitStatus : 1;
    return { message: error.message, bare: error.bare, code: error.code, hint: error.hint, exitStatus };
  }
  // The engine's error, which any line may raise.
  if (isOutOfMemory(error)) {
    const isStack = String(error).endsWith("stack overflow");
    const message = `cannot go on: ${isStack ? "the stack is too small" : "out of memory"}`;
    return {
      message,
      bare: message,
      code: "E_NOMEM",
      hint: isStack
        ? "raise the caller's limit (ulimit -s 8192), or nest the configuration less deeply"
        : "tsrun itself needs up to 20 MiB: check its caller's limits, and the memory that the host has left",
      exitStatus: 1,
    };
  }
  const message = `internal error: ${String(error)}`;
  return {
    message,
    bare: message,
    code: "E_INTERNAL",
    hint: "this is a bug in tsrun; please report it, with the output of --debug",
    exitStatus: 1,
  };
}

export interface ReportOptions {
  readonly format: LineFormat;
  readonly time: Date;
  /** Whether there is a log other than stderr. */
  readonly toFile: boolean;
  /** Whether stderr is a terminal. */
  readonly terminal: boolean;
}

export interface Report {
  readonly file: string | undefined;
  readonly stderr: string;
}

/** The message for callers that show nothing else. */
export function wholeMessage(failure: Failure): string {
  return withHint(shortMessage(failure), failure);
}

function shortMessage({ message, code }: Failure): string {
  return shorten(message, code === "E_EXEC" ? LONGEST_OUTPUT : LONGEST_MESSAGE);
}

/** The lines of a failure. */
export function formatFailure(failure: Failure, options: ReportOptions): Report {
  const { code } = failure;
  const message = shortMessage(failure);
  const hint = failure.hint === undefined ? undefined : shorten(failure.hint, LONGEST_MESSAGE);
  const { format, time, toFile, terminal } = options;
  const whole = withHint(message, failure);
  const line = formatEntry(format, {
    level: "error",
    message: format === "text" ? message : whole,
    time,
    code,
    hint,
  });
  // AS RUNC: with a log file, stderr gets the plain message. Programs that match it read a line, so it is one
  // line.
  const plain = `${oneLine(whole)}\n`;
  if (toFile) return { file: line, stderr: plain };
  if (terminal && format === "text") return { file: undefined, stderr: forPeople(message, hint) };
  // AS RUNC: the error that the container's program cannot be executed is printed as its first process would
  // print it, not as a log line. Its suite knows the whole line, so the cause is left out.
  if (code === "E_EXEC" && format === "text") {
    return { file: undefined, stderr: `${oneLine(shorten(failure.bare, LONGEST_OUTPUT))}\n` };
  }
  return { file: undefined, stderr: line };
}

/** Errors about a container that is to run; the others are what callers of `kill` and `delete` match. */
const SHOWN_WITH_HINT: ReadonlySet<string> = new Set([
  ...["E_SYSCALL", "E_EXEC", "E_CONFIG", "E_BUNDLE", "E_CGROUP", "E_UNSUPPORTED", "E_USAGE"],
]);

/** What callers of runc look for in an error: a hint must not bring it in. */
const MATCHED =
  /not exist|not running|no such|not found|already|permission denied|not permitted|(is|not) a directory/gi;

/** Docker, Kubernetes and Podman show the message alone: so what to do next follows in it. */
function withHint(message: string, { code, hint }: Failure): string {
  if (hint === undefined || !SHOWN_WITH_HINT.has(code)) return message;
  const said = message.toLowerCase();
  const bringsIn = (hint.match(MATCHED) ?? []).some((words) => !said.includes(words.toLowerCase()));
  if (bringsIn) return message;
  return `${message.trimEnd()}; ${shorten(hint, LONGEST_MESSAGE)}`;
}

/** Formats for a terminal, where no program parses the text: a list of faults becomes a list. */
function forPeople(message: string, hint: string | undefined): string {
  const lines = message.trimEnd().split("\n").map(visible);
  if (hint !== undefined) lines.push(visible(hint));
  return `tsrun: ${lines.join("\n  ")}\n`;
}
