// tsrun's own commands, run as children of the shim: what may wait, for a hook or a frozen cgroup, holds
// nobody else so, and what goes wrong in one leaves the shim as it was. A start of tsrun takes half a
// millisecond.

import { mustCall } from "../linux/call/call.ts";
import { cString, text } from "../linux/call/words.ts";
import { Descriptor, open, openIfThere, readAll, readText, remove, writeAll } from "../linux/files/files.ts";
import { O_RDONLY, O_RDWR } from "../linux/numbers/fcntl.ts";
import type { Children, Exit } from "./loop/children.ts";
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
  /** Where a command's log goes: a file of the bundle, as with containerd's own shim. */
  readonly log: string;
}

export interface CommandIo {
  readonly stdin?: Descriptor | undefined;
  readonly stdout?: Descriptor | undefined;
  readonly stderr?: Descriptor | undefined;
}

/** A command that failed, with what it told in its log. */
export class CommandError extends Error {}

/**
 * Runs a command. Throws what it said when it fails.
 * @param document what it reads as the file DOCUMENT
 */
export function* runCommand(
  context: CommandContext,
  args: readonly string[],
  io: CommandIo = {},
  document?: Uint8Array,
): Routine<Exit> {
  const globals = ["--root", context.root, "--log", context.log, "--log-format", "json"];
  const systemd = context.systemdCgroup ? ["--systemd-cgroup"] : [];
  using nothing = open("/dev/null", O_RDWR);
  using file = document && documentOf(document);
  const streams = [io.stdin ?? nothing, io.stdout ?? nothing, io.stderr ?? nothing, file];
  // What came before is of another command.
  remove(context.log);
  const exit = yield* context.children.run({
    path: ITSELF,
    args: ["tsrun", ...globals, ...systemd, ...args],
    descriptors: streams.flatMap((one, to) => (one === undefined ? [] : [{ from: one.number, to }])),
  });
  if (exit.status !== 0) throw new CommandError(lastError(context.log) ?? `exit status ${exit.status}`);
  return exit;
}

/** The last error in a log of JSON lines. */
function lastError(path: string): string | undefined {
  using file = openIfThere(path, O_RDONLY);
  if (file === undefined) return undefined;
  let last: string | undefined;
  for (const line of text(readAll(file.number, `"${path}"`, MOST_LOG)).split("\n")) {
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

/** A file without a name that holds a document for a command. */
function documentOf(bytes: Uint8Array): Descriptor {
  const file = new Descriptor(mustCall("make a file", "memfd_create", cString("document"), MFD_CLOEXEC));
  writeAll(file.number, bytes, "a document");
  return file;
}

/** How a command names its descriptor 3. */
export const DOCUMENT = "/proc/self/fd/3";

/** The pid that a command has written. */
export function readPid(path: string): number {
  return Number(readText(path));
}
