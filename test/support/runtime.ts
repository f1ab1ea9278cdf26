// The runtime under test and one call of it. RUNTIME names it (`runc`, a path); dist/tsrun is the default.
// Output goes to files, not pipes: what `create` starts inherits them, and a pipe would only end with the
// container.

import { execFileSync, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { basename, delimiter, join, resolve } from "node:path";
import { withoutCalls } from "./without.ts";

export const runtimePath = findRuntime(process.env.RUNTIME ?? "");
/**
 * Expectations that differ are asked for by the program's name; a path to another build of runc is still
 * runc.
 */
export const runtimeKind = basename(runtimePath).replace(/[-_.].*$/, "");
export const isTsrun = runtimeKind === "tsrun";
export const isRunc = runtimeKind === "runc";
export const isCrun = runtimeKind === "crun";

/** Whether it is runc, and of a version before this one (`major.minor.patch`). */
export function isRuncBefore(version: string): boolean {
  return isRunc && isBefore(version);
}

/** Whether it is crun, and of a version before this one. */
export function isCrunBefore(version: string): boolean {
  return isCrun && isBefore(version);
}

function isBefore(version: string): boolean {
  const said = execFileSync(runtimePath, ["--version"], { encoding: "utf8" });
  const [, found = "0"] = /version (\d+\.\d+(?:\.\d+)?)/.exec(said) ?? [];
  return found.localeCompare(version, "en", { numeric: true }) < 0;
}

/** The environment of an ordinary caller; tests that need less say so. */
export const plainEnv: Readonly<Record<string, string>> = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
};

export interface InvokeOptions {
  /** Directory for the files that take stdout and stderr. */
  readonly scratch: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A file for stdin; `/dev/null` when absent. */
  readonly stdin?: string;
  /** Put before the runtime, such as `sh -c … sh` or `setpriv --reuid …`. */
  readonly wrapper?: readonly string[];
  /** How many descriptors from 3 on the caller leaks into the runtime. */
  readonly leakFds?: number;
  readonly timeoutMs?: number;
  /** Called with the pid as soon as the process runs; for tests that signal the runtime. */
  readonly onSpawn?: (pid: number) => void;
}

export interface Result {
  /** Exit status, or 128 + signal as a shell counts it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Session id of the call; children that did not leave it can be found by it. */
  readonly session: number;
  readonly stdoutPath: string;
  readonly stderrPath: string;
}

let calls = 0;

/** Runs the runtime once and waits for its end, not for that of the processes that it started. */
export async function invoke(args: readonly string[], options: InvokeOptions): Promise<Result> {
  mkdirSync(options.scratch, { recursive: true });
  calls += 1;
  const stdoutPath = join(options.scratch, `${calls}.out`);
  const stderrPath = join(options.scratch, `${calls}.err`);
  const descriptors = [
    openSync(options.stdin ?? "/dev/null", "r"),
    openSync(stdoutPath, "w"),
    openSync(stderrPath, "w"),
    ...Array.from({ length: options.leakFds ?? 0 }, () => openSync("/etc/passwd", "r")),
  ];
  const command = [...withoutCalls, ...(options.wrapper ?? []), runtimePath, ...args];
  const child = spawn(command[0] ?? runtimePath, command.slice(1), {
    cwd: options.cwd ?? options.scratch,
    env: { ...(options.env ?? plainEnv) },
    stdio: descriptors,
    detached: true,
  });
  for (const fd of descriptors) closeSync(fd);
  const code = await exitCode(child, options);
  return {
    code,
    stdout: readFileSync(stdoutPath, "utf8"),
    stderr: readFileSync(stderrPath, "utf8"),
    session: child.pid ?? 0,
    stdoutPath,
    stderrPath,
  };
}

function exitCode(child: ReturnType<typeof spawn>, options: InvokeOptions): Promise<number> {
  return new Promise((done, fail) => {
    const limit = options.timeoutMs ?? 60_000;
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      fail(new Error(`${child.spawnargs.join(" ").slice(0, 200)} did not end within ${limit} ms`));
    }, limit);
    child.on("error", fail);
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      done(code ?? 128 + signalNumber(signal));
    });
    if (child.pid !== undefined) options.onSpawn?.(child.pid);
  });
}

function signalNumber(signal: NodeJS.Signals | null): number {
  const numbers: Partial<Record<NodeJS.Signals, number>> = {
    SIGABRT: 6,
    SIGKILL: 9,
    SIGPIPE: 13,
    SIGSEGV: 11,
    SIGTERM: 15,
  };
  return signal === null ? 0 : (numbers[signal] ?? 0);
}

function findRuntime(name: string): string {
  if (name === "") return resolve("dist/tsrun");
  if (name.includes("/")) return resolve(name);
  const path = `${process.env.PATH ?? ""}${delimiter}/usr/sbin${delimiter}/sbin`;
  const found = path.split(delimiter).find((folder) => folder !== "" && existsSync(join(folder, name)));
  return found === undefined ? name : join(found, name);
}
