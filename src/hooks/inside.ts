// Runs hooks in the container's namespaces, as children of its first process, so that they inherit everything
// from the container. Called by create for createContainer, and by start for startContainer.

import { joinBytes, text, u64Struct, viewOf } from "../linux/call/words.ts";
import { errnoWords } from "../linux/numbers/errno.ts";
import { MFD_CLOEXEC, O_CLOEXEC, SEEK_SET } from "../linux/numbers/fcntl.ts";
import { CLONE_PIDFD, POLLIN, SIGCHLD, SIGKILL } from "../linux/numbers/sched.ts";
import { withoutDuplicates } from "../process/environment.ts";
import { closeOnExecute } from "../process/execute.ts";
import { data, type Fd, NULL, out, shown } from "../proxy/calls/arguments.ts";
import { chdir, close, dup3, execve, read, write } from "../proxy/calls/calls.ts";
import { inChild, type Operation, operation, resultOf } from "../proxy/calls/operation.ts";
import type { Conversation } from "../proxy/conversation.ts";
import { failureInReport } from "../proxy/report.ts";
import { begin, end } from "../spans.ts";
import type { HookFiles } from "../spec/annotations.ts";
import type { Hook, Hooks } from "../spec/types.ts";
import {
  argumentsOf,
  type HookState,
  hookError,
  hookNotExecuted,
  hookTimeout,
  printedTo,
  stateText,
  timeoutMs,
} from "./plan.ts";

/** How much of a hook's output fits in one answer, and how much of it an error repeats. */
const CHUNK = 32 << 10;
const MOST_OUTPUT = 1 << 20;

export interface InsideHooks {
  readonly kind: "createContainer" | "startContainer";
  /** The state that they read; its pid is that of the first process in the container's pid namespace. */
  readonly state: HookState;
  /** The hooks' working directory; if absent, the first process's. */
  readonly directory?: string;
  /** For a hook without an environment of its own. */
  readonly environment: readonly string[];
  /** The remaining setup of a hook's process. */
  readonly beforeExecute: readonly Operation[];
  readonly output?: InsideOutput | undefined;
}

/** The first process's descriptors for the hooks' output, and the paths of those files. */
export interface InsideOutput {
  readonly stdout?: number | undefined;
  readonly stderr?: number | undefined;
  readonly paths: HookFiles;
}

/** Runs the hooks of one kind, one after the other; the first failure stops them. */
export function runHooksInside(proxy: Conversation, hooks: Hooks | undefined, inside: InsideHooks): void {
  const list = hooks?.[inside.kind] ?? [];
  if (list.length === 0) return;
  // AS RUNC: getpid(2), which returns 1 in a new pid namespace.
  const getpid = operation("getpid", [], "find out the pid of the container's first process");
  proxy.ask([getpid]);
  const state = stateText({ ...inside.state, pid: resultOf(getpid) });
  list.forEach((hook, index) => {
    const since = begin();
    try {
      runHook(proxy, { ...inside, hook, index, stateText: state });
    } finally {
      if (since > 0) end(since, "hook", `${inside.kind} hook #${index}`, hook.path);
    }
  });
}

interface InsideHook extends InsideHooks {
  readonly hook: Hook;
  readonly index: number;
  readonly stateText: string;
}

function runHook(proxy: Conversation, inside: InsideHook): void {
  const { hook, kind, index, output } = inside;
  const attempt = `run ${kind} hook #${index}`;
  const begun = performance.now();
  const { files, handle, pid } = startHook(proxy, inside, attempt);
  const wait = waitReady(handle, timeoutMs(hook), attempt);
  proxy.ask([wait]);
  const timedOut = resultOf(wait) === 0;
  const status = out(4);
  proxy.ask([
    // The pid cannot be reused before the process has been waited for.
    ...(timedOut ? [operation("kill", [pid, SIGKILL], attempt)] : []),
    operation("wait4", [pid, status, 0, 0], attempt),
    close(handle),
  ]);
  const ms = performance.now() - begun;
  const word = viewOf(status.bytes).getInt32(0, true);
  const failure = failureInReport(readBack(proxy, files.result));
  const [stdout = "", stderr = ""] = (["stdout", "stderr"] as const).map((name) => {
    const [file, path] = [files[name], output?.paths[name] ?? ""];
    return file === undefined ? printedTo(path) : text(readBack(proxy, file)).trim();
  });
  proxy.ask(Object.values(files).map((file) => close(file)));
  const end = { word, ms, stdout, stderr };
  if (timedOut) throw hookTimeout(kind, index, hook, end);
  if (failure !== undefined) throw hookNotExecuted(kind, index, hook, errnoWords(failure.errno));
  if (word !== 0) throw hookError(kind, index, hook, end);
}

/**
 * Descriptors of the first process for a hook: its state, its two outputs, and the answer of a child that
 * could not execute it. They are memory files, which need not be drained while the hook runs; an output that
 * goes to a file has none.
 */
interface HookStreams {
  readonly stdin: number;
  readonly stdout?: number;
  readonly stderr?: number;
  readonly result: number;
}

interface StartedHook {
  readonly files: HookStreams;
  /** A pidfd in the first process. */
  readonly handle: number;
  /** The pid in the first process's pid namespace. */
  readonly pid: number;
}

function startHook(proxy: Conversation, inside: InsideHook, attempt: string): StartedHook {
  const { hook, directory, environment, output } = inside;
  const [stdin, result] = [memoryFile("stdin"), memoryFile("result")];
  const made = {
    ...(output?.stdout === undefined ? { stdout: memoryFile("stdout") } : {}),
    ...(output?.stderr === undefined ? { stderr: memoryFile("stderr") } : {}),
  };
  const streams = [stdin, output?.stdout ?? made.stdout, output?.stderr ?? made.stderr];
  const pidfd = out(4);
  const clone = cloneWithHandle(pidfd, attempt);
  const env = hook.env === undefined || hook.env.length === 0 ? environment : hook.env;
  const child = [
    ...streams.flatMap((file, to) => (file === undefined ? [] : [dup3(file, to, 0, attempt)])),
    // If execve fails, the child writes its batch to the fourth file; there it then reads the end of file and
    // exits.
    dup3(result, proxy.control, O_CLOEXEC, attempt),
    ...(directory === undefined ? [] : [chdir(directory, attempt)]),
    closeOnExecute(3),
    ...inside.beforeExecute,
    execve(hook.path, argumentsOf(hook), withoutDuplicates(env)),
  ];
  proxy.ask([
    ...[stdin, ...Object.values(made), result],
    write(stdin, inside.stateText, attempt),
    rewind(stdin, attempt),
    clone,
    ...child.map(inChild),
  ]);
  return {
    files: {
      stdin: resultOf(stdin),
      ...(made.stdout === undefined ? {} : { stdout: resultOf(made.stdout) }),
      ...(made.stderr === undefined ? {} : { stderr: resultOf(made.stderr) }),
      result: resultOf(result),
    },
    handle: viewOf(pidfd.bytes).getInt32(0, true),
    pid: resultOf(clone),
  };
}

function memoryFile(name: string): Operation {
  const flags = shown(MFD_CLOEXEC, "MFD_CLOEXEC");
  return operation("memfd_create", [`hook-${name}`, flags], "make a memory file");
}

function rewind(file: Fd, attempt: string): Operation {
  return operation("lseek", [file, 0, shown(SEEK_SET, "SEEK_SET")], attempt);
}

/** clone(2) of an ordinary child with a pidfd. clone3(2) is missing in many seccomp profiles. */
function cloneWithHandle(pidfd: ReturnType<typeof out>, attempt: string): Operation {
  const how = shown(CLONE_PIDFD | SIGCHLD, "CLONE_PIDFD|SIGCHLD");
  return { ...operation("clone", [how, 0, pidfd, 0, 0], attempt), clones: true };
}

/** ppoll(2) inside: 0 is the time limit. */
function waitReady(handle: number, limitMs: number | undefined, attempt: string): Operation {
  const entry = new Uint8Array(8);
  viewOf(entry).setInt32(0, handle, true);
  viewOf(entry).setInt16(4, POLLIN, true);
  const limit =
    limitMs === undefined
      ? NULL
      : data(u64Struct(Math.floor(limitMs / 1000), (limitMs % 1000) * 1e6), () => `{${limitMs} ms}`);
  return operation("ppoll", [data(entry, () => `[{fd=${handle}}]`), 1, limit, 0, 8], attempt);
}

/** Reads one of the hook's files. */
function readBack(proxy: Conversation, file: number): Uint8Array {
  const attempt = "read what a hook has written";
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let last = CHUNK; last === CHUNK && length < MOST_OUTPUT; length += last) {
    const chunk = read(file, CHUNK, attempt);
    proxy.ask(length === 0 ? [rewind(file, attempt), chunk] : [chunk]);
    last = resultOf(chunk);
    chunks.push(chunk.out.bytes.subarray(0, last));
  }
  return joinBytes(chunks);
}
