// Runs tsrun's own commands as children of the shim, so that a command that waits for a hook or a frozen
// cgroup does not delay other requests, and a failure leaves the shim intact. tsrun starts in half a
// millisecond.

import { mustCall } from "../linux/call/call.ts";
import { text } from "../linux/call/words.ts";
import { Descriptor, open, readAll, readText, writeAll } from "../linux/files/files.ts";
import { MFD_CLOEXEC, O_RDWR } from "../linux/numbers/fcntl.ts";
import type { Children, Exit } from "./loop/children.ts";
import type { Once, Routine } from "./loop/routine.ts";
import { tiedCommand } from "./tie.ts";
import { RequestError } from "./ttrpc/status.ts";

/** This process's own executable, whatever its name was when it was started. */
const ITSELF = "/proc/self/exe";
/** How much of a command's log is read, bytes: its errors are short. */
const MOST_LOG = 1 << 20;

export interface CommandContext {
  readonly children: Children;
  /** Where the state of containers is. */
  readonly root: string;
  readonly systemdCgroup: boolean;
}

export interface CommandIo {
  readonly stdin?: Descriptor | undefined;
  readonly stdout?: Descriptor | undefined;
  readonly stderr?: Descriptor | undefined;
}

export interface Command {
  /** The words before the command's own error if it fails. */
  readonly failure: string;
  readonly args: readonly string[];
  readonly io?: CommandIo | undefined;
  /** What the command reads as the file DOCUMENT. */
  readonly document?: Uint8Array | undefined;
  /** It is killed when this happens. */
  readonly over?: Once<void> | undefined;
}

/** A command that could not clean up after itself. */
export class CommandKilled extends RequestError {}

/** Runs a command. If it fails, throws its error. */
export function* runCommand(context: CommandContext, command: Command): Routine<void> {
  const { failure, args, io, document, over } = command;
  const globals = ["--root", context.root, "--log", LOG, "--log-format", "json"];
  const systemd = context.systemdCgroup ? ["--systemd-cgroup"] : [];
  const words = [...globals, ...systemd, ...args];
  const { exit, log } = yield* runApart(context.children, { words, io, document, over });
  if (exit.status === 0) return;
  if (exit.signal !== 0) {
    const why = over?.happened === true ? NOBODY_WAITS : `its command was killed by signal ${exit.signal}`;
    throw new CommandKilled(over?.happened === true ? "deadline exceeded" : "unknown", `${failure}: ${why}`);
  }
  throw new Error(`${failure}: ${lastError(log) ?? `exit status ${exit.status}`}`);
}

export interface Apart extends Pick<Command, "io" | "document" | "over"> {
  readonly words: readonly string[];
}

/** Runs this executable as a child, with these words. Returns how it ended, and what it wrote to its log. */
export function* runApart(
  children: Children,
  { words, io = {}, document = new Uint8Array(0), over }: Apart,
): Routine<{ readonly exit: Exit; readonly log: string }> {
  using nothing = open("/dev/null", O_RDWR);
  using file = fileOf(document);
  // Each command has its own log, since commands run side by side.
  using log = fileOf(new Uint8Array(0));
  const files = [io.stdin ?? nothing, io.stdout ?? nothing, io.stderr ?? nothing, file, log];
  const options = {
    path: ITSELF,
    args: [process.argv0, ...tiedCommand(words, children.limits)],
    descriptors: files.map(({ number }, to) => ({ from: number, to })),
  };
  const exit = yield* children.run(options, over);
  return { exit, log: exit.status === 0 ? "" : text(readAll(log.number, "a command's log", MOST_LOG)) };
}

/** The last error in a log of JSON lines. */
function lastError(log: string): string | undefined {
  let last: string | undefined;
  for (const line of log.split("\n")) {
    const entry = parseLine(line);
    if (entry?.level === "error" && typeof entry.msg === "string") last = entry.msg.trim();
  }
  return last;
}

function parseLine(line: string): { level?: unknown; msg?: unknown } | undefined {
  try {
    return line === "" ? undefined : (JSON.parse(line) as { level?: unknown; msg?: unknown });
  } catch {
    // A line that the limit has cut off, or that is not a line of ours.
    return undefined;
  }
}

/** A file without a name. */
function fileOf(bytes: Uint8Array): Descriptor {
  const file = new Descriptor(mustCall("make a file", "memfd_create", "command", MFD_CLOEXEC));
  writeAll(file.number, bytes, "a file for a command");
  return file;
}

/** Why a command was killed. */
export const NOBODY_WAITS = "nobody waits for it any more";

/** How a command names its descriptors 3 and 4. */
export const DOCUMENT = "/proc/self/fd/3";
export const LOG = "/proc/self/fd/4";

/** The pid that a command has written. */
export function readPid(path: string): number {
  return Number(readText(path));
}
