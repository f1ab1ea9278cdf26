// tsrun's own commands, run as children of the shim: what may wait, for a hook or a frozen cgroup, holds
// nobody else so, and what goes wrong in one leaves the shim as it was. A start of tsrun takes half a
// millisecond.

import { mustCall } from "../linux/call/call.ts";
import { cString, text } from "../linux/call/words.ts";
import { Descriptor, open, readAll, readText, writeAll } from "../linux/files/files.ts";
import { O_RDWR } from "../linux/numbers/fcntl.ts";
import type { Children } from "./loop/children.ts";
import type { Routine } from "./loop/routine.ts";

/** Whatever its name was when it was started: this process' own executable. */
const ITSELF = "/proc/self/exe";
/** MFD_CLOEXEC of <linux/memfd.h> */
const MFD_CLOEXEC = 1;
/** What is read of a command's log, bytes: its errors are short. */
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
  /** What stands before the command's own error when it fails. */
  readonly failure: string;
  readonly args: readonly string[];
  readonly io?: CommandIo | undefined;
  /** What the command reads as the file DOCUMENT. */
  readonly document?: Uint8Array | undefined;
}

/** Runs a command. Throws what it said when it fails. */
export function* runCommand(context: CommandContext, command: Command): Routine<void> {
  const { failure, args, io = {}, document = new Uint8Array(0) } = command;
  const globals = ["--root", context.root, "--log", LOG, "--log-format", "json"];
  const systemd = context.systemdCgroup ? ["--systemd-cgroup"] : [];
  using nothing = open("/dev/null", O_RDWR);
  using file = fileOf(document);
  // Its own: commands run side by side.
  using log = fileOf(new Uint8Array(0));
  const files = [io.stdin ?? nothing, io.stdout ?? nothing, io.stderr ?? nothing, file, log];
  const exit = yield* context.children.run({
    path: ITSELF,
    args: ["tsrun", ...globals, ...systemd, ...args],
    descriptors: files.map(({ number }, to) => ({ from: number, to })),
  });
  if (exit.status === 0) return;
  throw new Error(`${failure}: ${lastError(log) ?? `exit status ${exit.status}`}`);
}

/** The last error in a log of JSON lines. */
function lastError(log: Descriptor): string | undefined {
  let last: string | undefined;
  for (const line of text(readAll(log.number, "a command's log", MOST_LOG)).split("\n")) {
    const entry = parseLine(line);
    if (entry?.level === "error" && typeof entry.msg === "string") last = entry.msg.trim();
  }
  return last;
}

function parseLine(line: string): { level?: unknown; msg?: unknown } | undefined {
  try {
    return line === "" ? undefined : (JSON.parse(line) as { level?: unknown; msg?: unknown });
  } catch {
    // Cut off by the limit, or no line of ours.
    return undefined;
  }
}

/** A file without a name. */
function fileOf(bytes: Uint8Array): Descriptor {
  const file = new Descriptor(mustCall("make a file", "memfd_create", cString("command"), MFD_CLOEXEC));
  writeAll(file.number, bytes, "a file for a command");
  return file;
}

/** How a command names its descriptors 3 and 4. */
export const DOCUMENT = "/proc/self/fd/3";
const LOG = "/proc/self/fd/4";

/** The pid that a command has written. */
export function readPid(path: string): number {
  return Number(readText(path));
}
